<?php

declare(strict_types=1);

namespace Spikard\Tests;

use PHPUnit\Framework\TestCase;
use Spikard\{Bridge, Config, Problem};

/** What the package repeats of the core's tables is what the core says. */
final class GeneratedTest extends TestCase
{
    public function testEveryOptionAndEveryProblemIsThere(): void
    {
        $tables = json_decode(Bridge::tables(), true);
        self::assertSame(array_keys($tables['config']['properties']), array_values(Config::OPTIONS));
        class_exists(\Spikard\NotFound::class); // its file holds all of them
        $classes = array_filter(get_declared_classes(), fn (string $class): bool => is_subclass_of($class, Problem::class));
        $said = array_map(fn (string $class): array => ['code' => $class::CODE, 'status' => $class::STATUS, 'title' => $class::TITLE], $classes);
        self::assertSame($tables['problems'], array_values($said));
    }
}
