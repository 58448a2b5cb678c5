<?php

/** An app with two routes that cannot be told apart. */

declare(strict_types=1);

require __DIR__ . '/../../vendor/autoload.php';

$app = new Spikard\App();
$app->get('/items/{id}', fn (int $id): int => $id);
$app->get('/items/{name}', fn (string $name): string => $name);
$app->run();
