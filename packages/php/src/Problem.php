<?php

declare(strict_types=1);

namespace Spikard;

/**
 * What went wrong, as a client hears it (RFC 9457). Thrown or returned by a handler. `getCode()` is its stable name, such as
 * `not-found`; each row of the core's error table has a class of its own.
 */
class Problem extends \RuntimeException
{
    public const CODE = 'internal';
    public const STATUS = 500;
    public const TITLE = 'The server failed';

    public readonly int $status;
    public readonly string $title;

    /** @var list<array{string, string}> */
    public readonly array $headers;

    /**
     * @param string $detail what happened this time; the client sees it
     * @param array<string, string|list<string>> $headers
     * @param array<string, mixed> $extensions further members of the document
     */
    final public function __construct(
        public readonly string $detail = '',
        array $headers = [],
        public readonly array $extensions = [],
        ?int $status = null,
        ?string $code = null,
        ?string $title = null,
        ?\Throwable $previous = null,
    ) {
        parent::__construct($detail === '' ? static::TITLE : $detail, 0, $previous);
        $this->code = $code ?? static::CODE;
        $this->status = $status ?? static::STATUS;
        $this->title = $title ?? $code ?? static::TITLE;
        $this->headers = Response::pairs($headers);
    }

    /** `throw NotFound::because("no item {$id}")`. */
    final public static function because(string $detail, mixed ...$more): static
    {
        return new static($detail, ...$more);
    }
}
