<?php

declare(strict_types=1);

namespace Spikard;

/**
 * What becomes of a plain value by what its route declares, for those who see a response before the core makes it: middleware
 * of PSR-15. The core has the same rule.
 *
 * @internal
 */
final readonly class Plain
{
    private int $status;
    private int $emptyStatus;
    private ?string $declared;

    public function __construct(Signature $signature)
    {
        $this->status = $signature->status ?? 200;
        $this->emptyStatus = $signature->status ?? 204;
        $response = (array) ($signature->responses[(string) $this->status] ?? $signature->responses[intdiv($this->status, 100) . 'XX'] ?? []);
        $this->declared = array_key_first((array) ($response['content'] ?? []));
    }

    /**
     * Status, header fields, media type and content, which of a stream is empty.
     *
     * @param string|list<mixed>|null $answer see {@see Answer}
     * @return array{int, list<array{string, string}>, ?string, string}
     */
    public function response(string|array|null $answer): array
    {
        if (is_string($answer)) {
            return [$this->status, [], $this->isJson() ? $this->declared : 'application/json', $answer];
        }
        if ($answer === null) {
            return $this->isJson() ? [$this->status, [], $this->declared, 'null'] : [$this->emptyStatus, [], null, ''];
        }
        if ($answer[0] === 'response') {
            [, $status, $headers, $media, $kind, $content] = $answer;
            $own = ['json' => 'application/json', 'text' => 'text/plain; charset=utf-8', 'bytes' => 'application/octet-stream', 'stream' => 'application/octet-stream'];
            return [$status, array_chunk($headers, 2), $media ?? $own[$kind] ?? null, is_array($content) ? '' : (string) $content];
        }
        if ($answer[0] === 'text' && $this->isJson()) {
            return [$this->status, [], $this->declared, Json::encode($answer[1])];
        }
        $otherwise = $answer[0] === 'text' ? 'text/plain; charset=utf-8' : 'application/octet-stream';
        return [$this->status, [], $this->declared ?? $otherwise, $answer[0] === 'stream' ? '' : $answer[1]];
    }

    private function isJson(): bool
    {
        return $this->declared !== null && preg_match('~^application/json\b|\+json\b~i', $this->declared) === 1;
    }
}
