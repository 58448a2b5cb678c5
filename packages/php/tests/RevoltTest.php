<?php

declare(strict_types=1);

namespace Spikard\Tests;

use PHPUnit\Framework\TestCase;

require_once __DIR__ . '/Server.php';

/** Code that is written for Revolt's event loop, on ours. */
final class RevoltTest extends TestCase
{
    /** @dataProvider handlers */
    public function testWhatALibraryAsksOfTheLoop(string $path, string $answer): void
    {
        $server = new Server('revolt.php');
        self::assertSame("200 {$answer}", $server->get($path));
        self::assertSame('200 0', $server->get('/left'));
        self::assertSame(0, $server->end(SIGTERM));
        self::assertStringContainsString('as before', $server->told());
    }

    public function handlers(): array
    {
        $misuses = ['it is not suspended: suspend() comes first', 'no callback none', 'SIGTERM ends the server', 'the event loop runs already: it is the one that serves', 'a suspension belongs to the handler or task that asked for it'];
        return [
            'a delay' => ['/delay', 'waited'],
            'its driver and its suspension' => ['/own', 'true'],
            'an exception' => ['/throw', 'thrown into it'],
            'mistakes' => ['/misused', json_encode($misuses, JSON_UNESCAPED_SLASHES)],
            'order' => ['/order', '["deferred id","queued with words","enabled again","late",false,0]'],
            'repetition' => ['/repeat', '["five",5,"Repeat",[true,false]]'],
            'streams' => ['/streams', '["ping","pong",true]'],
            'errors' => ['/errors', '["handled",true]'],
            'a signal' => ['/signal', 'signal ' . SIGUSR1],
            'a stream' => ['/stream', "1\r\n1\r\n1\r\n2\r\n1\r\n3\r\n0\r\n\r\n"],
        ];
    }

    public function testWaitsOverlap(): void
    {
        $server = new Server('revolt.php');
        $start = microtime(true);
        self::assertSame(array_fill(0, 64, '200 waited'), $server->together('/delay', 64));
        self::assertLessThan(64 * 0.25 / 4, microtime(true) - $start, 'of 16 s one after the other');
        self::assertSame(0, $server->end(SIGTERM));
    }

    public function testASyncHandlerIsToldThatItCannotWait(): void
    {
        $server = new Server('revolt.php');
        self::assertSame('500 internal', $server->get('/sync'));
        $server->waitFor('its route is `sync`');
        self::assertSame(0, $server->end(SIGTERM));
    }

    public function testMemoryIsFlat(): void
    {
        $server = new Server('revolt.php');
        $server->many(['/quick'], 500);
        $before = $server->memory();
        $server->many(['/quick'], 3_000);
        self::assertLessThan(1 << 20, $server->memory() - $before);
        self::assertSame('200 0', $server->get('/left'));
        self::assertSame(0, $server->end(SIGTERM));
    }
}
