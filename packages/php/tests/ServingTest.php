<?php

declare(strict_types=1);

namespace Spikard\Tests;

use PHPUnit\Framework\TestCase;

require_once __DIR__ . '/Server.php';

/** Whole processes: what a handler may do to one, and how it ends. */
final class ServingTest extends TestCase
{
    public function testSleepsOverlap(): void
    {
        $server = new Server('hostile.php');
        $start = microtime(true);
        $answers = $server->together('/sleep', 64);
        $took = microtime(true) - $start;
        self::assertSame(array_fill(0, 64, '200 slept'), $answers);
        self::assertLessThan(64 * 0.25 / 4, $took, 'of 16 s one after the other');
        self::assertSame(0, $server->end(SIGTERM));
    }

    /** @dataProvider hostile */
    public function testWhatAHandlerDoesToItsProcess(string $path, string $answer, int $code, string $told): void
    {
        $server = new Server('hostile.php');
        self::assertSame($answer, $server->get($path));
        if ($code === 0) {
            self::assertSame('200 well', $server->get('/well'));
        }
        self::assertSame($code, $server->end($code === 0 ? SIGTERM : null));
        self::assertStringContainsString($told, $server->told());
    }

    public function hostile(): array
    {
        $problem = '500 internal';
        return [
            'throws' => ['/throw', $problem, 0, 'RuntimeException: a secret'],
            'fatal' => ['/fatal', $problem, 70, 'Cannot redeclare'],
            'memory' => ['/memory', $problem, 70, 'Allowed memory size'],
            'memory after a wait' => ['/memory-later', $problem, 70, 'Allowed memory size'],
            'memory in a fiber of its own' => ['/memory-fiber', $problem, 70, 'Allowed memory size'],
            'endless recursion' => ['/recursion', $problem, 70, 'Allowed memory size'],
            'time limit' => ['/limit', $problem, 70, 'Maximum execution time'],
            'exit' => ['/exit', '200 bye', 75, ''],
            'exit in a fiber of its own' => ['/exit-fiber', '200 bye', 75, ''],
            'nonsense' => ['/nonsense', $problem, 0, 'JsonException'],
            'prints beside its answer' => ['/beside', '200 answer', 0, 'printed: aside'],
            'a fiber that waits' => ['/fiber', '200 [1,"slept",2]', 0, ''],
            'suspends nobody' => ['/suspend', $problem, 0, 'FiberError'],
            'streams' => ['/stream', '200 [false,true,"ping",true]', 0, ''],
            'superglobals' => ['/superglobals', '200 [[],[],false]', 0, ''],
        ];
    }

    public function testOthersAreAnsweredWhenPhpIsLost(): void
    {
        $server = new Server('hostile.php');
        $waiting = $server->open('/sleep');
        self::assertSame('500 internal', $server->get('/fatal'));
        self::assertSame('503 unavailable', Server::read($waiting));
        self::assertSame(70, $server->end(null));
    }

    public function testOthersFinishAfterAnExit(): void
    {
        $server = new Server('hostile.php');
        $waiting = $server->open('/sleep');
        self::assertSame('200 bye', $server->get('/exit'));
        self::assertSame('200 slept', Server::read($waiting));
        self::assertSame(75, $server->end(null));
    }

    public function testABusyWorkerDrains(): void
    {
        $server = new Server('hostile.php');
        $waiting = $server->open('/sleep');
        $server->get('/well');
        $server->signal(SIGTERM);
        self::assertSame('200 slept', Server::read($waiting));
        self::assertSame(0, $server->end(null));
        self::assertStringContainsString('closed', $server->told());
    }

    public function testSignalHandlersOfTheProgramRun(): void
    {
        $server = new Server('hostile.php');
        $server->signal(SIGUSR1); // while it waits for events
        $server->waitFor('usr1');
        self::assertSame('200 well', $server->get('/well'));
        self::assertSame(0, $server->end(SIGTERM));
    }

    public function testEachRequestHasTheTimeOfMaxExecutionTime(): void
    {
        $server = new Server('hostile.php', settings: ['memory_limit=64M', 'display_errors=0', 'log_errors=1', 'error_log=', 'max_execution_time=1']);
        foreach (range(1, 4) as $_) {
            self::assertSame('200 busy', $server->get('/busy')); // 0.4 s of CPU each
        }
        self::assertSame('500 internal', $server->get('/endless'));
        self::assertSame(70, $server->end(null));
    }

    public function testBuffersAreACallsOwn(): void
    {
        $server = new Server('hostile.php');
        self::assertSame(array_fill(0, 8, '200 ABC'), $server->together('/buffer', 8));
        self::assertSame(0, $server->end(SIGTERM));
    }

    public function testMemoryIsFlat(): void
    {
        $server = new Server('hostile.php');
        $paths = ['/well', '/throw', '/cycle'];
        $server->many(['/cycle'], 12_000); // PHP's collector lets 10,000 objects gather,
        $server->many($paths, 2_000); // the allocator takes what it keeps,
        $server->many(['/fiber', '/buffer'], 200); // and these wait, one after the other
        $before = $server->memory();
        $server->many($paths, 20_000);
        $server->many(['/fiber', '/buffer'], 1_000);
        self::assertLessThan(1 << 20, $server->memory() - $before, 'bytes for 21,000 requests');
        self::assertSame(0, $server->end(SIGTERM));
    }

    public function testAFatalErrorEndsTheProgramThatTestsIt(): void
    {
        $process = proc_open([PHP_BINARY, '-d', 'display_errors=0', __DIR__ . '/programs/tested.php'], [['file', '/dev/null', 'r'], ['pipe', 'w'], ['file', '/dev/null', 'w']], $pipes);
        self::assertSame("before\n", stream_get_contents($pipes[1]));
        self::assertSame(255, proc_close($process));
    }

    public function testAWorkerEndsWhileACallWaits(): void
    {
        $server = new Server('waiting.php');
        $waiting = $server->open('/');
        $server->waitFor('waits');
        self::assertSame(0, $server->end(SIGTERM));
        self::assertStringContainsString('let go', $server->told());
        self::assertStringContainsString('unwound', $server->told());
        fclose($waiting);
    }

    public function testTheSecondFatalIsGone(): void
    {
        $server = new Server('hostile.php');
        $server->get('/memory-later');
        $server->end(null);
        self::assertSame(1, substr_count($server->told(), 'PHP Fatal error'), $server->told());
    }
}
