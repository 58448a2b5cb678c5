<?php

/** A test program one of whose handlers ends PHP. */

declare(strict_types=1);

use Spikard\{App, TestClient};

require __DIR__ . '/../../vendor/autoload.php';

$app = new App();
$app->get('/', fn () => eval('function strlen() {}'));
echo "before\n";
(new TestClient($app))->get('/');
echo "after\n";
