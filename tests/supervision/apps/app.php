<?php

declare(strict_types=1);

require __DIR__ . '/../vendor/autoload.php';

// What the supervisor's tests serve: its process, and answers that are held back until a file appears.
$closed = static function (): bool {
    clearstatcache();
    return !file_exists((string) getenv('GATE'));
};
$app = new Spikard\App(title: 'Supervised');
$app->get('/pid', fn (): string => (string) getmypid());
$app->get('/held', function () use ($closed): string {
    while ($closed()) {
        Spikard\sleep(0.1);
    }
    return (string) getmypid();
});
$app->get('/blocked', function () use ($closed): string {
    while ($closed()) {
        usleep(10_000);
    }
    return (string) getmypid();
});
$app->run(...json_decode(getenv('RUN') ?: '[]', true));
