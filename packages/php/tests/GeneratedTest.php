<?php

declare(strict_types=1);

namespace Spikard\Tests;

use PHPUnit\Framework\TestCase;
use Spikard\{Bridge, Config, ErrorTable};

/** What the package repeats of the core's tables is what the core says. */
final class GeneratedTest extends TestCase
{
    public function testEveryOptionAndEveryProblemIsThere(): void
    {
        $tables = json_decode(Bridge::tables(), true);
        self::assertSame(array_keys($tables['config']['properties']), array_values(Config::OPTIONS));
        $said = array_map(fn (string $class): array => ['code' => $class::CODE, 'status' => $class::STATUS, 'title' => $class::TITLE], ErrorTable::CLASSES);
        self::assertSame($tables['problems'], array_values($said));
        self::assertSame(array_column($tables['problems'], 'code'), array_keys(ErrorTable::CLASSES));
    }
}
