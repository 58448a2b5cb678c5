<?php

/** An app whose handler waits for longer than the worker does. */

declare(strict_types=1);

use Spikard\{App, Config};

require __DIR__ . '/../../vendor/autoload.php';

final class Held
{
    public function __destruct()
    {
        fwrite(STDERR, "let go\n");
    }
}

$app = new App(config: new Config(drainTimeoutMs: 100));
$app->get('/', function (): mixed {
    $held = new Held();
    $fiber = new Fiber(function (): void {
        try {
            fwrite(STDERR, "waits\n");
            Spikard\sleep(60);
        } finally {
            fwrite(STDERR, "unwound\n");
        }
    });
    return $fiber->start();
});
$app->run();
