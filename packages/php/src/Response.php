<?php

declare(strict_types=1);

namespace Spikard;

/** A response that a handler makes itself. Its content goes out as it is. */
final readonly class Response
{
    /** @var list<array{string, string}> */
    public array $headers;

    /**
     * @param 'nothing'|'text'|'bytes'|'json'|'stream'|'kept' $kind
     * @param array<string, string|list<string>>|list<array{string, string}> $headers
     */
    private function __construct(
        public string $kind,
        public mixed $content,
        public int $status,
        array $headers,
        public ?string $contentType,
    ) {
        $this->headers = self::pairs($headers);
    }

    /**
     * A value as JSON.
     *
     * @param array<string, string|list<string>>|list<array{string, string}> $headers
     */
    public static function json(mixed $value, int $status = 200, array $headers = [], ?string $contentType = null): self
    {
        return new self('json', $value, $status, $headers, $contentType);
    }

    /**
     * UTF-8 text.
     *
     * @param array<string, string|list<string>>|list<array{string, string}> $headers
     */
    public static function text(string $text, int $status = 200, array $headers = [], ?string $contentType = null): self
    {
        return new self('text', $text, $status, $headers, $contentType);
    }

    /**
     * A page.
     *
     * @param array<string, string|list<string>>|list<array{string, string}> $headers
     */
    public static function html(string $text, int $status = 200, array $headers = []): self
    {
        return new self('text', $text, $status, $headers, 'text/html; charset=utf-8');
    }

    /**
     * Bytes of any kind.
     *
     * @param array<string, string|list<string>>|list<array{string, string}> $headers
     */
    public static function bytes(string $bytes, int $status = 200, array $headers = [], ?string $contentType = null): self
    {
        return new self('bytes', $bytes, $status, $headers, $contentType);
    }

    /**
     * Strings as they come, each asked for when the client can take it. A generator's `finally` runs when the client leaves.
     *
     * @param iterable<string> $chunks
     * @param array<string, string|list<string>>|list<array{string, string}> $headers
     * @param ?string $contentType default: what the route declares for the status, else application/octet-stream
     */
    public static function stream(iterable $chunks, int $status = 200, array $headers = [], ?string $contentType = null): self
    {
        return new self('stream', $chunks, $status, $headers, $contentType);
    }

    /**
     * No content.
     *
     * @param array<string, string|list<string>>|list<array{string, string}> $headers
     */
    public static function empty(int $status = 204, array $headers = [], ?string $contentType = null): self
    {
        return new self('nothing', null, $status, $headers, $contentType);
    }

    /**
     * Elsewhere (RFC 9110 section 15.4).
     *
     * @param array<string, string|list<string>>|list<array{string, string}> $headers
     */
    public static function redirect(string $location, int $status = 307, array $headers = []): self
    {
        return new self('nothing', null, $status, ['location' => $location, ...$headers], null);
    }

    /**
     * One that is there already, for a hook to look at: its content is a string; null where there is none, and of a stream, whose chunks stay.
     *
     * @internal
     */
    public static function seen(string $told): self
    {
        [$head, $content] = explode("\n", $told, 2);
        [$status, $media, $kind, $headers] = json_decode($head, true, flags: JSON_THROW_ON_ERROR);
        return new self($kind, $kind === 'kept' ? null : $content, $status, $headers, $media);
    }

    /** With another status. */
    public function withStatus(int $status): self
    {
        return new self($this->kind, $this->content, $status, $this->headers, $this->contentType);
    }

    /** Without a header field, whatever the case of its name. */
    public function withoutHeader(string $name): self
    {
        $others = array_values(array_filter($this->headers, static fn (array $one): bool => strcasecmp($one[0], $name) !== 0));
        return new self($this->kind, $this->content, $this->status, $others, $this->contentType);
    }

    /** With one more header field. */
    public function withHeader(string $name, string $value): self
    {
        return new self($this->kind, $this->content, $this->status, [...$this->headers, [$name, $value]], $this->contentType);
    }

    /**
     * With a cookie (RFC 6265): by default for this host, until the browser ends, only over TLS, hidden from scripts, and not
     * sent by what other sites post.
     *
     * @param ?int $maxAge seconds; 0 takes the cookie away
     * @param 'Strict'|'Lax'|'None' $sameSite
     */
    public function withCookie(
        string $name,
        string $value,
        ?int $maxAge = null,
        string $path = '/',
        ?string $domain = null,
        bool $secure = true,
        bool $httpOnly = true,
        string $sameSite = 'Lax',
    ): self {
        if (preg_match('/^[!#$%&\'*+.^_`|~0-9A-Za-z-]+$/D', $name) !== 1 || preg_match('/^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/D', $value) !== 1) {
            throw new \ValueError("a cookie's name is a token and its value has no spaces, quotes, commas, semicolons or backslashes (RFC 6265 section 4.1.1); encode it: rawurlencode(\$value)");
        }
        $field = "{$name}={$value}" . ($maxAge === null ? '' : "; Max-Age={$maxAge}") . "; Path={$path}"
            . ($domain === null ? '' : "; Domain={$domain}") . ($secure ? '; Secure' : '') . ($httpOnly ? '; HttpOnly' : '')
            . "; SameSite={$sameSite}";
        return $this->withHeader('set-cookie', $field);
    }

    /**
     * Names and values, from a map, from a map of lists or from pairs.
     *
     * @internal
     * @param array<string, string|list<string>>|list<array{string, string}> $headers
     * @return list<array{string, string}>
     */
    public static function pairs(array $headers): array
    {
        $pairs = [];
        foreach ($headers as $name => $value) {
            if (is_int($name)) {
                $pairs[] = $value;
                continue;
            }
            foreach ((array) $value as $one) {
                $pairs[] = [$name, $one];
            }
        }
        return $pairs;
    }
}
