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
            $server->waitFor($told);
        }
        self::assertSame($code, $server->end($code === 0 ? SIGTERM : null));
        self::assertStringContainsString($told, $server->told());
    }

    /**
     * Whatever PHP would show of an error, in a program that shows all of it.
     *
     * @dataProvider shown
     */
    public function testNoWordOfAnErrorGoesToTheClient(string $path): void
    {
        $server = new Server('hostile.php', settings: ['memory_limit=64M', 'display_errors=1', 'html_errors=1', 'error_reporting=-1']);
        $answer = $server->whole($path);
        self::assertStringStartsWith('HTTP/1.1 ', $answer);
        foreach (['secret', 'Fatal', 'Warning', 'Allowed memory', 'hostile.php', 'Stack trace', 'Exception'] as $word) {
            self::assertStringNotContainsString($word, $answer);
        }
    }

    public function shown(): array
    {
        return [['/throw'], ['/fatal'], ['/memory'], ['/memory-later'], ['/nonsense'], ['/itself'], ['/late'], ['/destructor'], ['/warning'], ['/suspend']];
    }

    public function testStaticsAreTheAppsAndSuperglobalsNobodys(): void
    {
        $server = new Server('hostile.php');
        self::assertSame(['200 1', '200 2'], [$server->get('/static?q=1'), $server->get('/static?q=2')]);
        self::assertSame('200 [{"a secret":1},[],false]', $server->get('/superglobals'), 'what the app puts there itself');
        self::assertSame(0, $server->end(SIGTERM));
    }

    public function testWhoComesWhileAHandlerBlocksIsAnsweredAfterwards(): void
    {
        $server = new Server('hostile.php');
        $blocking = $server->open('/blocks');
        $others = array_map(fn () => $server->open('/well'), range(1, 8));
        self::assertSame(array_fill(0, 8, '200 well'), array_map(Server::read(...), $others));
        self::assertSame('200 blocked', Server::read($blocking));
        self::assertSame(0, $server->end(SIGTERM));
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
            'nonsense that holds itself' => ['/itself', $problem, 0, 'holds itself'],
            'answers a second time, too late' => ['/late', '504 handler-timeout', 0, 'too late'],
            'blocks' => ['/blocks', '200 blocked', 0, '"level":"warning","event":"loop-held","operation":"GET /blocks"'],
            'blocks after a wait' => ['/blocks-later', '200 blocked', 0, 'the handler held the event loop for'],
            'throws in a destructor' => ['/destructor', $problem, 0, 'a secret of a destructor'],
            'prints beside its answer' => ['/beside', '200 answer', 0, 'printed: aside'],
            'a fiber that waits' => ['/fiber', '200 [1,"slept",2]', 0, ''],
            'suspends nobody' => ['/suspend', $problem, 0, 'FiberError'],
            'streams' => ['/stream', '200 [false,true,"ping",true]', 0, ''],
            'superglobals' => ['/superglobals', '200 [[],[],false]', 0, ''],
        ];
    }

    public function testWithoutAMemoryLimitThereIsOne(): void
    {
        $server = new Server('hostile.php', settings: ['memory_limit=-1', 'display_errors=0', 'log_errors=1', 'error_log=']);
        $server->waitFor('memory_limit is not set: each worker has 256M');
        self::assertSame('500 internal', $server->get('/memory'));
        self::assertSame(70, $server->end(null));
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

    /** @dataProvider compilers */
    public function testMemoryIsFlat(string ...$settings): void
    {
        $server = new Server('hostile.php', settings: ['memory_limit=64M', 'display_errors=0', 'log_errors=1', 'error_log=', ...$settings]);
        $part = '{"name":"a \\u00e4 long enough text","kind":"plain","sizes":{"a":1.5,"b":2}}';
        $paths = ['/well', '/throw', '/cycle', '/whole {"name":"x","parts":[' . "{$part},{$part}" . '],"name":"y","first":{"name":"f"},"more":[{}]}'];
        $paths[] = '/whole {"name":"x","parts":[{"name":7}]}';
        $paths[] = '/whole {"name":"x","parts":[{"name":"z","sizes":{"a":1e3}}]}';
        $server->many(['/cycle'], 12_000); // PHP's collector lets 10,000 objects gather,
        $server->many($paths, 2_000); // the allocator takes what it keeps,
        $server->many(['/fiber', '/buffer'], 200); // and these wait, one after the other
        $before = $server->memory();
        $server->many($paths, 200_000);
        $server->many(['/fiber', '/buffer'], 1_000);
        self::assertLessThan(1 << 20, $server->memory() - $before, 'bytes for 201,000 requests');
        self::assertSame(0, $server->end(SIGTERM));
    }

    public function compilers(): array
    {
        $opcache = ['opcache.enable_cli=1', 'opcache.jit_buffer_size=0'];
        return ['none' => ['opcache.enable_cli=0'], 'opcache' => $opcache, 'its JIT' => [$opcache[0], 'opcache.jit=tracing', 'opcache.jit_buffer_size=32M']];
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
