<?php

declare(strict_types=1);

namespace Spikard;

/** A wrong app definition, with every mistake. */
final class DefinitionError extends \LogicException
{
    /** @param list<string> $mistakes one line each */
    public function __construct(public readonly array $mistakes)
    {
        parent::__construct(implode("\n", $mistakes));
    }
}
