<?php

declare(strict_types=1);

namespace Spikard;

/**
 * A client in process: every byte goes through the core's own HTTP code, no socket is opened.
 *
 *     $client = new TestClient($app);
 *     $client->get('/items', query: ['limit' => 1])->json();
 */
final class TestClient
{
    public function __construct(private readonly App $app)
    {
        $app->freeze();
    }

    /** Options: see {@see request()}. */
    public function get(string $target, mixed ...$options): TestResponse
    {
        return $this->request('GET', $target, ...$options);
    }

    /** Options: see {@see request()}. */
    public function post(string $target, mixed ...$options): TestResponse
    {
        return $this->request('POST', $target, ...$options);
    }

    /** Options: see {@see request()}. */
    public function put(string $target, mixed ...$options): TestResponse
    {
        return $this->request('PUT', $target, ...$options);
    }

    /** Options: see {@see request()}. */
    public function patch(string $target, mixed ...$options): TestResponse
    {
        return $this->request('PATCH', $target, ...$options);
    }

    /** Options: see {@see request()}. */
    public function delete(string $target, mixed ...$options): TestResponse
    {
        return $this->request('DELETE', $target, ...$options);
    }

    /**
     * One request of any method; `target` is a path with or without a query.
     *
     * @param array<string, scalar|list<scalar>|null> $query pairs of the query; a list gives one per item, null none
     * @param array<string, string|list<string>> $headers
     * @param array<string, string> $cookies
     * @param mixed $json a value sent as JSON
     * @param string $body sent as it is
     */
    public function request(
        string $method,
        string $target,
        array $query = [],
        array $headers = [],
        array $cookies = [],
        mixed $json = null,
        string $body = '',
    ): TestResponse {
        $fields = Response::pairs($headers);
        $has = static fn (string $name): bool => in_array($name, array_map(strtolower(...), array_column($fields, 0)), true);
        if ($json !== null) {
            $body = Json::encode(Encoder::plain($json));
            if (!$has('content-type')) {
                $fields[] = ['content-type', 'application/json'];
            }
        }
        if ($cookies !== []) {
            $fields[] = ['cookie', implode('; ', array_map(static fn ($name, $value): string => "{$name}={$value}", array_keys($cookies), $cookies))];
        }
        if (!$has('host')) {
            $fields[] = ['host', 'test'];
        }
        if ($body !== '' && !$has('content-length') && !$has('transfer-encoding')) {
            $fields[] = ['content-length', (string) strlen($body)];
        }
        $head = "{$method} " . self::withQuery($target, $query) . " HTTP/1.1\r\n";
        foreach ($fields as [$name, $value]) {
            $head .= "{$name}: {$value}\r\n";
        }
        return TestResponse::parse($this->bytes("{$head}\r\n{$body}"), $method === 'HEAD');
    }

    /** Bytes as a client would write them, whatever they are; every byte of the answer. */
    public function bytes(string $message): string
    {
        return $this->app->during(static fn (Native\App $app): string => $app->exchange($message));
    }

    /** @param array<string, scalar|list<scalar>|null> $query */
    private static function withQuery(string $target, array $query): string
    {
        $pairs = [];
        foreach ($query as $name => $values) {
            foreach (is_array($values) ? $values : ($values === null ? [] : [$values]) as $value) {
                $text = is_bool($value) ? ($value ? 'true' : 'false') : (string) $value;
                $pairs[] = rawurlencode((string) $name) . '=' . rawurlencode($text);
            }
        }
        return $pairs === [] ? $target : $target . (str_contains($target, '?') ? '&' : '?') . implode('&', $pairs);
    }
}
