<?php

/** The benchmark's app behind nginx and php-fpm: the program runs anew for each request. */

declare(strict_types=1);

require __DIR__ . '/plain.php';

$answer = handle($_SERVER['REQUEST_METHOD'], $_SERVER['REQUEST_URI'], (string) file_get_contents('php://input'));
if ($answer === null) {
    usleep(1000);
    $answer = [200, ['ok' => true]];
}
http_response_code($answer[0]);
header('content-type: application/json');
echo json_encode($answer[1], JSON_UNESCAPED_SLASHES);
