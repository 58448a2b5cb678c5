<?php

declare(strict_types=1);

namespace Spikard;

/** The request as it arrived. Parses on demand; declared parameters are the handler's own. Read it before you answer. */
final class Request
{
    /** @var list<string>|null */
    private ?array $lines = null;
    private ?string $body = null;

    /** @internal */
    public function __construct(private readonly Native\App $app, private readonly int $call)
    {
    }

    /** Upper case: `GET`. */
    public function method(): string
    {
        return $this->lines()[1];
    }

    /** Path and query as sent: `/items?tag=a%20b`. */
    public function target(): string
    {
        return $this->lines()[2];
    }

    /** The path as sent, without the query. */
    public function path(): string
    {
        return explode('?', $this->target(), 2)[0];
    }

    /** The query as sent, without the `?`. */
    public function queryString(): string
    {
        return explode('?', $this->target(), 2)[1] ?? '';
    }

    /** Identity of this exchange; the answer carries it as `x-request-id`. */
    public function id(): string
    {
        return $this->lines()[3];
    }

    /** Address and port of the peer, `127.0.0.1:50312`; null under the test client. */
    public function client(): ?string
    {
        return $this->lines()[0] === '' ? null : $this->lines()[0];
    }

    /**
     * Every field as [lower-case name, value], in the order sent.
     *
     * @return list<array{string, string}>
     */
    public function fields(): array
    {
        return array_chunk(array_slice($this->lines(), 4), 2);
    }

    /** A header field, whatever the case of its name; a repeated one gives its values joined with `, `. */
    public function header(string $name): ?string
    {
        $name = strtolower($name);
        $values = [];
        foreach ($this->fields() as [$field, $value]) {
            if ($field === $name) {
                $values[] = $value;
            }
        }
        return $values === [] ? null : implode(', ', $values);
    }

    /** A cookie as sent (RFC 6265, not percent-decoded); of a repeated name the first. */
    public function cookie(string $name): ?string
    {
        foreach ($this->fields() as [$field, $value]) {
            foreach ($field === 'cookie' ? explode(';', $value) : [] as $pair) {
                [$key, $text] = [...explode('=', $pair, 2), null];
                if (trim($key) === $name && $text !== null) {
                    return trim($text);
                }
            }
        }
        return null;
    }

    /** The whole body; empty when there is none. */
    public function body(): string
    {
        return $this->body ??= $this->app->body($this->call) ?? throw self::gone('body');
    }

    /** The body as plain values: objects become arrays, or `stdClass` when `$objects`. Throws JsonException. */
    public function json(bool $objects = false): mixed
    {
        return Json::decode($this->body(), $objects);
    }

    /** False once the client has left or its time was over: nobody hears an answer. */
    public function isAwaited(): bool
    {
        return $this->app->isAwaited($this->call);
    }

    /** @return list<string> */
    private function lines(): array
    {
        return $this->lines ??= explode("\n", $this->app->head($this->call) ?? throw self::gone('head'));
    }

    private static function gone(string $what): \LogicException
    {
        return new \LogicException("the {$what} of a request is read before its answer is given; read it earlier and keep what you need");
    }
}
