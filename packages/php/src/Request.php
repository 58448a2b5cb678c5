<?php

declare(strict_types=1);

namespace Spikard;

/**
 * The request as it arrived, or as hooks have left it. Parses on demand; declared parameters are the handler's own. Read it before you
 * answer. All hooks, middleware and the handler of one request get the same object.
 */
final class Request
{
    /** @var array<string, mixed> what hooks and handler leave for each other */
    public array $state = [];

    /**
     * What was thrown last, for hooks of errors.
     *
     * @internal
     */
    public ?\Throwable $thrown = null;

    /** @var list<string>|null */
    private ?array $lines = null;
    private ?string $body = null;

    private function __construct(private readonly Native\App $app, private int $call)
    {
    }

    /**
     * That of a call: the one of its exchange where hooks look at it, else a new one.
     *
     * @internal
     */
    public static function of(Native\App $app, int $call): self
    {
        $kept = $app->kept($call);
        if ($kept instanceof self) {
            [$kept->call, $kept->lines, $kept->body] = [$call, null, null];
            return $kept;
        }
        $request = new self($app, $call);
        $app->keep($call, $request);
        return $request;
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

    /** Who sent it, where the route says who is let in; null for anybody. */
    public function principal(): ?Principal
    {
        $line = $this->lines()[4];
        return $line === '' ? null : new Principal(...Json::decode($line));
    }

    /**
     * Every field as [lower-case name, value], in the order sent.
     *
     * @return list<array{string, string}>
     */
    public function fields(): array
    {
        return array_chunk(array_slice($this->lines(), 5), 2);
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

    /** Replaces every value of a header field. Edits are seen by what follows; throws ValueError for what cannot stand, and without hooks. */
    public function setHeader(string $name, string $value): void
    {
        $this->edit('set_header', $name, $value);
    }

    /** Adds a value to those of a header field. */
    public function addHeader(string $name, string $value): void
    {
        $this->edit('add_header', $name, $value);
    }

    public function removeHeader(string $name): void
    {
        $this->edit('remove_header', $name);
    }

    /** Without `?`; empty for none. The path stays: the route is found. */
    public function setQueryString(string $query): void
    {
        $this->edit('set_query', '', $query);
    }

    /** Before it was read, by an onRequest hook, this is in vain. */
    public function setBody(string $body): void
    {
        $this->edit('set_body', '', $body);
    }

    /** False once the client has left or its time was over: nobody hears an answer. */
    public function isAwaited(): bool
    {
        return $this->app->isAwaited($this->call);
    }

    private function edit(string $what, string $name, string $value = ''): void
    {
        $this->app->edit($this->call, $what, $name, $value);
        $this->lines = $this->body = null;
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
