<?php

/** An app that asks for two workers itself. */

declare(strict_types=1);

require __DIR__ . '/../../vendor/autoload.php';

$app = new Spikard\App();
$app->get('/', fn (): int => getmypid());
$app->run(workers: 2);
