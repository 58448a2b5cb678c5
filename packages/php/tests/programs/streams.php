<?php

/** An app whose handlers give their bodies in chunks. */

declare(strict_types=1);

use Spikard\App;

use function Spikard\sleep;

require __DIR__ . '/../../vendor/autoload.php';

final class Seen
{
    public static int $pulls = 0;

    /** @var list<string> */
    public static array $closed = [];
}

$app = new App();
$app->get('/endless', function (): Generator {
    try {
        while (true) {
            Seen::$pulls++;
            yield str_repeat('x', 65536);
        }
    } finally {
        Seen::$closed[] = 'endless';
    }
});
$app->get('/waits', function (): Generator {
    try {
        yield 'first';
        sleep(3600);
    } finally {
        sleep(0.001);
        Seen::$closed[] = 'waits';
    }
});
$app->get('/fiber', function (): Generator {
    try {
        yield 'first';
        $fiber = new Fiber(function (): void {
            try {
                sleep(3600);
            } finally {
                Seen::$closed[] = 'inner';
            }
        });
        $fiber->start();
    } finally {
        Seen::$closed[] = 'outer';
    }
});
$app->get('/before', function (): Generator {
    try {
        sleep(3600);
        yield 'never';
    } finally {
        Seen::$closed[] = 'before';
    }
});
$app->get('/ends-badly', function (): Generator {
    try {
        yield 'first';
        sleep(3600);
    } finally {
        throw new RuntimeException('a secret at the end');
    }
});
$app->get('/stubborn', function (): Generator {
    try {
        yield str_repeat('x', 10);
        sleep(3600);
    } finally {
        yield 'more';
        Seen::$closed[] = 'stubborn';
    }
});
$app->get('/exit', function (): Generator {
    yield 'first';
    exit(3);
});
$app->get('/fatal', function (): Generator {
    yield 'first';
    eval('function strlen() {}');
});
$app->get('/ticks', function (int $count): Generator {
    for ($number = 0; $number < $count; $number++) {
        sleep(0.0005);
        yield "{$number}\n";
    }
});
$app->get('/numbers', function (int $count): Generator {
    yield from array_map(strval(...), range(1, $count));
});
$app->get('/seen', fn (): array => ['closed' => Seen::$closed, 'pulls' => Seen::$pulls]);
$app->run();
