<?php

declare(strict_types=1);

namespace Spikard;

/**
 * A type that has no schema; says what to write.
 *
 * @internal
 */
final class SchemaError extends \LogicException
{
}
