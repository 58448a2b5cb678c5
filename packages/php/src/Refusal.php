<?php

declare(strict_types=1);

namespace Spikard;

/**
 * Values that the contract accepts and the handler's own types do not: 422.
 *
 * @internal
 */
final class Refusal extends \RuntimeException
{
    /** @param list<array{string, list<string>, string}> $refusals source, path, message */
    public function __construct(public readonly array $refusals)
    {
        parent::__construct('the request has values that the handler\'s types refuse');
    }
}
