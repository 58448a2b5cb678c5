<?php

declare(strict_types=1);

namespace Spikard\Tests\Stream;

use PHPUnit\Framework\TestCase;
use Spikard\{App, DefinitionError, NotFound, Response, TestClient};
use Spikard\Tests\Server;

require_once __DIR__ . '/Server.php';

/** Handlers that give their body in chunks. */
final class StreamTest extends TestCase
{
    /** @dataProvider bodies */
    public function testChunksAreTheBody(\Closure $handler, string $body, string $media, int $status = 200, array $options = []): void
    {
        $app = new App();
        $app->get('/', $handler, ...$options);
        $answer = (new TestClient($app))->get('/');
        self::assertSame([$status, $body, $media, null], [$answer->status, $answer->body, $answer->header('content-type'), $answer->header('content-length')]);
    }

    public function bodies(): array
    {
        $yields = function (): \Generator {
            yield "1ü\n";
            yield '';
            yield from ["2\n", "3\n"];
        };
        [$text, $bytes] = ['text/plain; charset=utf-8', 'application/octet-stream'];
        return [
            'a generator' => [$yields, "1ü\n2\n3\n", $text],
            'one without a type' => [function () {
                yield 'a';
            }, 'a', $text],
            'one that a function gives' => [fn () => $yields(), "1ü\n2\n3\n", $bytes],
            'one that yields nothing' => [function (): \Generator {
                yield from [];
            }, '', $text],
            'an iterator' => [fn (): Response => Response::stream(new \ArrayIterator(['a', 'b'])), 'ab', $bytes],
            'what gives one' => [fn (): Response => Response::stream(new \ArrayObject(['a', "\xff"]), 202, contentType: 'text/csv'), "a\xff", 'text/csv', 202],
            'an array' => [fn (): Response => Response::stream(['a', 'b']), 'ab', $bytes],
            'with the status of its route' => [$yields, "1ü\n2\n3\n", 'text/csv', 201, ['status' => 201, 'response' => ['201' => ['description' => '', 'content' => ['text/csv' => true]]]]],
            'without a stack of its own' => [$yields, "1ü\n2\n3\n", $text, 200, ['sync' => true]],
            'around which a middleware stands' => [$yields, "1ü\n2\n3\n", $text, 200, ['middleware' => [fn ($request, \Closure $next): mixed => $next()]]],
        ];
    }

    public function testFieldsGoWithTheChunks(): void
    {
        $app = new App();
        $app->get('/', fn () => Response::stream(['a'])->withHeader('x-a', '1')->withCookie('seen', '2'));
        $answer = (new TestClient($app))->get('/');
        self::assertSame(['1', 'a'], [$answer->header('x-a'), $answer->body]);
        self::assertStringStartsWith('seen=2', (string) $answer->header('set-cookie'));
    }

    /** Up to the first chunk, which says whether it can; then the generator is closed. */
    public function testAHeadIsAnsweredByTheHead(): void
    {
        $seen = [];
        $app = new App();
        $app->get('/', function () use (&$seen): \Generator {
            try {
                yield $seen[] = 'a';
                yield $seen[] = 'b';
            } finally {
                $seen[] = 'closed';
            }
        });
        $client = new TestClient($app);
        $answer = $client->request('HEAD', '/');
        self::assertSame([200, '', ['a', 'closed']], [$answer->status, $answer->body, $seen]);
        self::assertSame('ab', $client->get('/')->body);
    }

    /** @dataProvider firstFailures */
    public function testWhatFailsBeforeTheFirstChunkIsAnswered(\Closure $handler, int $status, string $detail): void
    {
        $app = new App();
        $app->get('/', $handler);
        $answer = (new TestClient($app))->get('/');
        self::assertSame([$status, 'application/problem+json'], [$answer->status, $answer->header('content-type')]);
        self::assertStringContainsString($detail, $answer->json()['detail'] ?? '');
        self::assertStringNotContainsString('secret', $answer->body);
    }

    public function firstFailures(): array
    {
        return [
            'a problem' => [function (): \Generator {
                throw NotFound::because('no such report');
                yield 'a';
            }, 404, 'no such report'],
            'an exception' => [function (): \Generator {
                throw new \RuntimeException('a secret');
                yield 'a';
            }, 500, ''],
            'no string' => [fn () => Response::stream([['a secret']]), 500, ''],
            'no iterator' => [fn () => Response::stream(new class () implements \IteratorAggregate {
                public function getIterator(): \Iterator
                {
                    throw new \RuntimeException('a secret');
                }
            }), 500, ''],
        ];
    }

    public function testWhatFailsLaterLeavesTheBodyUnfinished(): void
    {
        $app = new App();
        $app->get('/', function (): \Generator {
            yield 'a';
            throw new NotFound('too late');
        });
        $this->expectExceptionMessage('the chunked answer ends early');
        (new TestClient($app))->get('/');
    }

    public function testTheLoggerHearsOfAChunkThatFails(): void
    {
        if (!interface_exists(\Psr\Log\LoggerInterface::class)) {
            self::markTestSkipped('without psr/log');
        }
        $lines = [];
        $logger = new class ($lines) extends \Psr\Log\AbstractLogger {
            public function __construct(private array &$lines)
            {
            }

            public function log($level, $message, array $context = []): void
            {
                $this->lines[] = strtr($message, ['{route}' => $context['route'], '{message}' => $context['message']]);
            }
        };
        $app = new App(logger: $logger);
        $app->get('/', function (): \Generator {
            throw new \RuntimeException('broken');
            yield 'a';
        });
        (new TestClient($app))->get('/');
        self::assertSame(['GET / failed: broken'], $lines);
    }

    public function testWhatIsPrintedIsNoChunk(): void
    {
        $app = new App();
        $app->get('/', function (): \Generator {
            echo 'aside';
            yield 'a';
            echo 'aside';
        });
        self::assertSame('a', (new TestClient($app))->get('/')->body);
    }

    public function testTheDocumentTellsTheTypeOfTheChunks(): void
    {
        $app = new App();
        $app->get('/text', /** @return \Generator<int, string> */ function (): \Generator {
            yield 'a';
        });
        $app->get('/own', /** @return Response<\Generator<string>> */ fn (): Response => Response::stream(['a']));
        $paths = json_decode($app->openapi(), true)['paths'];
        self::assertSame(['text/plain; charset=utf-8'], array_keys($paths['/text']['get']['responses']['200']['content']));
        self::assertSame(['text/plain; charset=utf-8'], array_keys($paths['/own']['get']['responses']['200']['content']));
        $wrong = new App();
        $wrong->get('/wrong', /** @return iterable<int> */ function (): iterable {
            yield 1;
        });
        $this->expectException(DefinitionError::class);
        $this->expectExceptionMessage('a stream gives strings, not int: encode its chunks, or return a list');
        $wrong->openapi();
    }

    public function testAProducerIsClosedWhenItsClientLeaves(): void
    {
        $server = new Server('streams.php');
        foreach (['/endless', '/waits', '/fiber', '/ends-badly', '/stubborn'] as $path) {
            $this->leave($server, $path);
        }
        fclose($server->open('/before'));
        $this->until($server, ['before', 'endless', 'inner', 'outer', 'waits']);
        $server->waitFor('a secret at the end');
        self::assertSame(0, $server->end(SIGTERM), 'nothing of them is left that waits');
    }

    public function testASlowClientHoldsTheProducer(): void
    {
        $server = new Server('streams.php');
        $client = $server->open('/endless');
        fread($client, 1000);
        [$before, $after] = [-1, 0];
        while ($after !== $before) {
            $before = $after;
            for ($again = 0; $again < 20; $again++) {
                $after = $this->seen($server)['pulls'];
            }
        }
        self::assertLessThan(64 << 20, $after * 65536, 'what sockets hold, and no more');
        fclose($client);
        $this->until($server, ['endless']);
        self::assertSame(0, $server->end(SIGTERM));
    }

    public function testStreamsOverlap(): void
    {
        $server = new Server('streams.php');
        $body = implode('', array_map(fn (int $number): string => dechex(strlen("{$number}\n")) . "\r\n{$number}\n\r\n", range(0, 99))) . "0\r\n\r\n";
        self::assertSame(array_fill(0, 16, "200 {$body}"), $server->together('/ticks?count=100', 16));
        self::assertSame(0, $server->end(SIGTERM));
    }

    /** @dataProvider ends */
    public function testAStreamThatEndsItsWorkerIsNotWhole(string $path, int $code): void
    {
        $server = new Server('streams.php');
        $answer = $server->whole($path);
        self::assertStringContainsString('first', $answer);
        self::assertStringEndsNotWith("0\r\n\r\n", $answer);
        self::assertSame($code, $server->end(null));
    }

    public function ends(): array
    {
        return ['exit' => ['/exit', 75], 'fatal' => ['/fatal', 70]];
    }

    public function testMemoryIsFlat(): void
    {
        $server = new Server('streams.php');
        $server->many(['/numbers?count=3'], 2_000);
        $server->many(['/ticks?count=1'], 100);
        $before = $server->memory();
        $server->many(['/numbers?count=3'], 20_000);
        $server->many(['/ticks?count=1'], 100);
        self::assertLessThan(1 << 20, $server->memory() - $before);
        self::assertSame(0, $server->end(SIGTERM));
    }

    private function leave(Server $server, string $path): void
    {
        $client = $server->open($path);
        self::assertStringStartsWith('HTTP/1.1 200 OK', (string) fread($client, 1000));
        fclose($client);
    }

    /** @param list<string> $closed */
    private function until(Server $server, array $closed): void
    {
        $end = microtime(true) + 5;
        do {
            $seen = $this->seen($server)['closed'];
            sort($seen);
        } while ($seen !== $closed && microtime(true) < $end);
        self::assertSame($closed, $seen);
    }

    private function seen(Server $server): array
    {
        return json_decode(substr($server->get('/seen'), 4), true);
    }
}
