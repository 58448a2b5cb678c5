<?php

declare(strict_types=1);

namespace Spikard\Tests;

use PHPUnit\Framework\TestCase;

/** Every snippet of the guide and of the READMEs is a program that ends well. */
final class GuideTest extends TestCase
{
    /** @dataProvider snippets */
    public function testASnippetRuns(string $file): void
    {
        $command = [PHP_BINARY, '-d', 'zend.assertions=1', '-d', 'display_errors=0', '-d', 'error_log=', '-d', 'log_errors=1', $file];
        // A program that ends with run() prints its app as data instead of serving it.
        $environment = ['SPIKARD_EMIT' => 'spec'] + getenv();
        $process = proc_open($command, [['file', '/dev/null', 'r'], ['pipe', 'w'], ['redirect', 1]], $pipes, null, $environment);
        $told = stream_get_contents($pipes[1]);
        self::assertSame(0, proc_close($process), $told);
    }

    public function snippets(): iterable
    {
        $files = glob(__DIR__ . '/../guide/*.php') ?: [];
        self::assertGreaterThanOrEqual(10, count($files));
        foreach ($files as $file) {
            yield basename($file) => [$file];
        }
    }
}
