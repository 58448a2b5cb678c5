<?php

declare(strict_types=1);

namespace Spikard\Tests\Straight;

use PHPUnit\Framework\TestCase;
use Spikard\{App, BigInteger, Get, NotFound, Query, Response, TestClient};

enum Suit: string
{
    case Hearts = 'h';
}

enum Bare
{
    case One;
}

final readonly class Card
{
    /** @param list<Suit> $others */
    public function __construct(public Suit $suit, public float $worth = 1.0, public array $others = [], public ?Card $next = null)
    {
    }
}

final readonly class Dated
{
    public function __construct(public \DateTimeImmutable $at, public BigInteger $many)
    {
    }
}

final class Told implements \JsonSerializable
{
    public function jsonSerialize(): mixed
    {
        return new BigInteger('123456789012345678901');
    }
}

final readonly class Mapped
{
    /** @param array<string, int> $counts */
    public function __construct(public array $counts = [])
    {
    }
}

/** A handler that the extension calls itself answers what it does with a middleware around it, when the package calls it. */
final class StraightTest extends TestCase
{
    /** @dataProvider handlers */
    public function testBothWaysAnswerTheSame(\Closure $handler, string $target = '/1', int $status = 200): void
    {
        $app = new App();
        $app->get('/straight/{id}', $handler);
        $app->get('/whole/{id}', $handler, middleware: [fn ($request, \Closure $next): mixed => $next()]);
        $client = new TestClient($app);
        $seen = [];
        foreach (['straight', 'whole'] as $way) {
            $answer = $client->get("/{$way}{$target}");
            $body = preg_replace(['/"request_id":"[^"]*"/', "/{$way}/"], ['', ''], $answer->body);
            $seen[] = [$answer->status, $answer->header('content-type'), $answer->header('etag'), $body];
        }
        self::assertSame($seen[1], $seen[0]);
        self::assertSame($status, $seen[0][0], $seen[0][3]);
    }

    public function handlers(): array
    {
        $loop = ['a' => 1];
        $loop['b'] = &$loop['a'];
        return [
            'array' => [fn (int $id): array => ['id' => $id, 'of' => [1.0, 'ä/"', null, true, ['deep' => []]]]],
            'scalars' => [fn (int $id): float => 7.0],
            'false' => [fn (int $id): bool => false],
            'text' => [fn (int $id): string => 'plain'],
            'bytes' => [fn (int $id) => "\xff\x00"],
            'nothing' => [function (int $id): void {
            }, '/1', 204],
            'printed' => [function (int $id): void {
                echo 'said';
            }],
            'object' => [fn (int $id): Card => new Card(Suit::Hearts, 2, [Suit::Hearts], new Card(Suit::Hearts))],
            'dates and big numbers' => [fn (int $id): Dated => new Dated(new \DateTimeImmutable('2026-01-02T03:04:05.5+02:00'), new BigInteger('99999999999999999999'))],
            'within arrays' => [fn (int $id): array => ['at' => new \DateTimeImmutable('2026-01-02T03:04:05Z'), 'n' => new BigInteger('99999999999999999999'), 'cards' => [new Card(Suit::Hearts)]]],
            'its own JSON' => [fn (int $id): array => ['told' => new Told()]],
            'empty map' => [fn (int $id): Mapped => new Mapped()],
            'generator' => [fn (int $id): iterable => (function () {
                yield 'a';
                yield 'b';
            })()],
            'generator of no strings' => [fn (int $id) => (function () {
                yield 1;
            })(), '/1', 500],
            'iterator' => [fn (int $id): iterable => new \ArrayIterator([1, 2])],
            'stream' => [fn (int $id) => Response::stream(new \ArrayObject(['a', '', 'b']), 202, contentType: 'text/csv'), '/1', 202],
            'references' => [fn (int $id): array => $loop],
            'stdClass' => [fn (int $id) => (object) ['a' => new \DateTimeImmutable('2026-01-02T03:04:05Z')]],
            'response' => [fn (int $id): Response => Response::json(['a' => 1], 201, ['etag' => '"1"']), '/1', 201],
            'no UTF-8' => [fn (int $id): array => ['a' => "\xff"], '/1', 500],
            'no number' => [fn (int $id): array => ['a' => NAN], '/1', 500],
            'no value' => [fn (int $id): array => ['a' => Bare::One], '/1', 500],
            'no JSON' => [fn (int $id): array => ['a' => fopen('php://memory', 'r')], '/1', 500],
            'an object that holds itself' => [function (int $id) {
                $a = new \stdClass();
                return $a->a = $a;
            }, '/1', 500],
            'endless' => [function (int $id): array {
                $a = [];
                $a['a'] = &$a;
                return $a;
            }, '/1', 500],
            'problem thrown' => [fn (int $id): array => throw new NotFound("no {$id}", ['etag' => '"x"']), '/1', 404],
            'problem returned' => [fn (int $id) => new NotFound('no'), '/1', 404],
            'thrown' => [fn (int $id): array => throw new \LogicException('secret'), '/1', 500],
            'wrong type' => [fn (int $id): int => 'x', '/1', 500],
            'default' => [fn (int $id, int $limit = 5, ?string $q = null): array => [$limit, $q]],
            'given' => [fn (int $id, int $limit = 5, ?string $q = null): array => [$limit, $q], '/1?limit=3&q=a'],
            'given after a default' => [fn (int $id, int $limit = 5, ?string $q = null): array => [$limit, $q], '/1?q=a'],
            'nullable without default' => [fn (int $id, ?string $q): array => [$id, $q]],
            'integer written as a float' => [fn (int $id, #[Query] int $limit = 5): array => [$limit], '/1?limit=3.0', 422],
            'integer beyond 64 bits' => [fn (int $id): array => [$id], '/99999999999999999999', 422],
            'number' => [fn (int $id, float $x = 0.5): array => [$x], '/1?x=1'],
            'list' => [/** @param list<int> $n */ fn (int $id, array $n = []): array => $n, '/1?n=1&n=2'],
            'words' => [/** @param list<string> $n */ fn (int $id, array $n = []): array => $n, '/1?n=a&n=%C3%A4'],
            'other names' => [fn (#[\Spikard\Path(name: 'id')] string $key): array => [$key]],
        ];
    }

    public function testAControllerIsMadeOnceAndItsFailureIsAnAnswer(): void
    {
        $app = new App();
        $app->controller(Faulty::class);
        $client = new TestClient($app);
        self::assertSame([500, 200, 200, 2], [
            $client->get('/1')->status, $client->get('/2')->status, $client->get('/3')->status, Faulty::$made,
        ]);
    }
}

final class Faulty
{
    public static int $made = 0;

    public function __construct()
    {
        if (self::$made++ === 0) {
            throw new \RuntimeException('not yet');
        }
    }

    #[Get('/{id}')]
    public function show(int $id): array
    {
        return [$id];
    }
}
