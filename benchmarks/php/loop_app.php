<?php

/** The benchmark's app in PHP alone: an event loop over stream_select. Values are converted and checked by hand. */

declare(strict_types=1);

$server = stream_socket_server("tcp://127.0.0.1:{$argv[1]}", $code, $message, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, stream_context_create(['socket' => ['backlog' => 511]]));
stream_set_blocking($server, false);
$clients = $rests = $timers = [];

function answer(int $status, mixed $value): string
{
    $body = json_encode($value, JSON_UNESCAPED_SLASHES);
    $reason = [200 => 'OK', 201 => 'Created', 404 => 'Not Found', 422 => 'Unprocessable Content'][$status];
    return "HTTP/1.1 {$status} {$reason}\r\ncontent-type: application/json\r\ncontent-length: " . strlen($body) . "\r\n\r\n{$body}";
}

function is_item(mixed $item): bool
{
    return is_array($item)
        && is_string($item['sku'] ?? null) && preg_match('/^[A-Z]{3}-[0-9]{4}$/D', $item['sku']) === 1
        && is_string($item['name'] ?? null) && ($length = mb_strlen($item['name'])) >= 1 && $length <= 100
        && is_string($item['description'] ?? null)
        && (is_float($item['price'] ?? null) || is_int($item['price'] ?? null)) && $item['price'] >= 0
        && is_int($item['quantity'] ?? null) && $item['quantity'] >= 0 && $item['quantity'] <= 1_000_000
        && is_array($item['tags'] ?? null) && array_is_list($item['tags']) && array_filter($item['tags'], is_string(...)) === $item['tags'];
}

/** An answer; null for one that comes after a millisecond. */
function handle(string $method, string $target, string $body): ?string
{
    [$path, $query] = [...explode('?', $target, 2), ''];
    if ($path === '/json' || $path === '/json-async') {
        return answer(200, ['message' => 'Hello, World!']);
    }
    if ($path === '/wait') {
        return null;
    }
    if ($path === '/items' && $method === 'POST') {
        $item = json_decode($body, true);
        return is_item($item) ? answer(201, $item) : answer(422, ['error' => 'no item']);
    }
    if (preg_match('~^/users/([0-9]+)/posts/([^/]+)$~D', $path, $found)) {
        [$limit, $tags] = [20, []];
        foreach ($query === '' ? [] : explode('&', $query) as $pair) {
            [$name, $value] = [...explode('=', $pair, 2), ''];
            if ($name === 'limit') {
                $limit = filter_var($value, FILTER_VALIDATE_INT, ['options' => ['min_range' => 1, 'max_range' => 100]]);
            } elseif ($name === 'tag') {
                $tags[] = urldecode($value);
            }
        }
        return $limit === false
            ? answer(422, ['error' => 'limit'])
            : answer(200, ['id' => (int) $found[1], 'slug' => urldecode($found[2]), 'limit' => $limit, 'tags' => $tags]);
    }
    return answer(404, ['error' => 'no such path']);
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
                fwrite($stream, $answer);
            }
        }
        $rests[$id] = $rest;
    }
}
