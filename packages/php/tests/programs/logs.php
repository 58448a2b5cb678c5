<?php

/** Asks for a logger that nobody provides. */

declare(strict_types=1);

use Psr\Log\LoggerInterface;
use Spikard\{App, TestClient};

require __DIR__ . '/../../vendor/autoload.php';

$app = new App();
$app->get('/', function (LoggerInterface $logger): string {
    $logger->warning('only {count} of {name} are left: {why}', ['count' => 3, 'name' => 'bolt', 'why' => new class () {
        public function __toString(): string
        {
            return 'soon';
        }
    }, 'more' => []]);
    return $logger::class;
});
echo (new TestClient($app))->get('/')->body;
