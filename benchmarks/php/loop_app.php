<?php

/** The benchmark's app in PHP alone: an event loop over stream_select. */

declare(strict_types=1);

require __DIR__ . '/plain.php';

$server = stream_socket_server("tcp://127.0.0.1:{$argv[1]}", $code, $message, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, stream_context_create(['socket' => ['backlog' => 511]]));
stream_set_blocking($server, false);
$clients = $rests = $timers = [];

function answer(int $status, mixed $value): string
{
    $body = json_encode($value, JSON_UNESCAPED_SLASHES);
    $reason = [200 => 'OK', 201 => 'Created', 404 => 'Not Found', 422 => 'Unprocessable Content'][$status];
    return "HTTP/1.1 {$status} {$reason}\r\ncontent-type: application/json\r\ncontent-length: " . strlen($body) . "\r\n\r\n{$body}";
}

while (true) {
    $read = [-1 => $server] + $clients;
    $none = null;
    $wait = $timers === [] ? null : max(0, (int) (($timers[array_key_first($timers)][0] - hrtime(true)) / 1000));
    if (@stream_select($read, $none, $none, $wait === null ? null : 0, $wait ?? 0) === false) {
        continue;
    }
    $now = hrtime(true);
    foreach ($timers as $key => [$at, $id]) {
        if ($at > $now) {
            break;
        }
        unset($timers[$key]);
        if (isset($clients[$id])) {
            fwrite($clients[$id], answer(200, ['ok' => true]));
        }
    }
    foreach ($read as $id => $stream) {
        if ($id === -1) {
            while ($client = @stream_socket_accept($server, 0)) {
                stream_set_blocking($client, false);
                stream_set_read_buffer($client, 0);
                $clients[(int) $client] = $client;
                $rests[(int) $client] = '';
            }
            continue;
        }
        $piece = fread($stream, 65536);
        if ($piece === '' || $piece === false) {
            fclose($stream);
            unset($clients[$id], $rests[$id]);
            continue;
        }
        $rest = $rests[$id] . $piece;
        while (($end = strpos($rest, "\r\n\r\n")) !== false) {
            $head = substr($rest, 0, $end);
            $length = preg_match('/\r\ncontent-length: *(\d+)/i', $head, $found) ? (int) $found[1] : 0;
            if (strlen($rest) < $end + 4 + $length) {
                break;
            }
            [$method, $target] = explode(' ', $head, 3);
            $answer = handle($method, $target, substr($rest, $end + 4, $length));
            $rest = substr($rest, $end + 4 + $length);
            if ($answer === null) {
                $timers[] = [$now + 1_000_000, $id];
            } else {
                fwrite($stream, answer(...$answer));
            }
        }
        $rests[$id] = $rest;
    }
}
