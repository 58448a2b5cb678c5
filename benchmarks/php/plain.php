<?php

/** The benchmark's handlers in PHP alone: values are converted and checked by hand. For loop_app.php and fpm_app.php. */

declare(strict_types=1);

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

/**
 * Status and value; null for an answer that comes after a millisecond.
 *
 * @return array{int, mixed}|null
 */
function handle(string $method, string $target, string $body): ?array
{
    [$path, $query] = [...explode('?', $target, 2), ''];
    if ($path === '/json' || $path === '/json-async') {
        return [200, ['message' => 'Hello, World!']];
    }
    if ($path === '/wait') {
        return null;
    }
    if ($path === '/items' && $method === 'POST') {
        $item = json_decode($body, true);
        return is_item($item) ? [201, $item] : [422, ['error' => 'no item']];
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
            ? [422, ['error' => 'limit']]
            : [200, ['id' => (int) $found[1], 'slug' => urldecode($found[2]), 'limit' => $limit, 'tags' => $tags]];
    }
    return [404, ['error' => 'no such path']];
}
