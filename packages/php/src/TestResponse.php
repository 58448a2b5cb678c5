<?php

declare(strict_types=1);

namespace Spikard;

/** What came back to a test. */
final readonly class TestResponse
{
    /**
     * @internal
     * @param list<array{string, string}> $fields
     */
    private function __construct(public int $status, public array $fields, public string $body)
    {
    }

    /** @internal */
    public static function parse(string $bytes, bool $toHead): self
    {
        do {
            [$head, $bytes] = [...explode("\r\n\r\n", $bytes, 2), ''];
            $lines = explode("\r\n", $head);
            $status = (int) substr($lines[0], 9, 3);
        } while ($status >= 100 && $status < 200 && $status !== 101);
        if ($status === 0) {
            throw new \RuntimeException('the connection was closed before an answer was whole');
        }
        $fields = array_map(static fn (string $line): array => array_map(trim(...), explode(':', $line, 2)), array_slice($lines, 1));
        $chunked = false;
        $length = null;
        foreach ($fields as [$name, $value]) {
            $chunked = $chunked || strtolower($name) === 'transfer-encoding';
            $length = strtolower($name) === 'content-length' ? (int) $value : $length;
        }
        $body = match (true) {
            $toHead, $status === 204, $status === 304 => '',
            $chunked => self::unchunked($bytes),
            default => $length === null ? $bytes : substr($bytes, 0, $length),
        };
        return new self($status, $fields, $body);
    }

    /** A header field, whatever the case of its name; a repeated one gives its values joined with `, `. */
    public function header(string $name): ?string
    {
        $values = [];
        foreach ($this->fields as [$field, $value]) {
            if (strcasecmp($field, $name) === 0) {
                $values[] = $value;
            }
        }
        return $values === [] ? null : implode(', ', $values);
    }

    /** The body as plain values; objects become arrays. */
    public function json(): mixed
    {
        return Json::decode($this->body);
    }

    private static function unchunked(string $bytes): string
    {
        $body = '';
        while (preg_match('/^([0-9a-f]+)[^\r]*\r\n/i', $bytes, $found)) {
            $size = (int) hexdec($found[1]);
            if ($size === 0) {
                return $body;
            }
            $body .= substr($bytes, strlen($found[0]), $size);
            $bytes = substr($bytes, strlen($found[0]) + $size + 2);
        }
        throw new \RuntimeException('the chunked answer ends early');
    }
}
