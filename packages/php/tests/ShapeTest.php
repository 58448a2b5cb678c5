<?php

declare(strict_types=1);

namespace Spikard\Tests\Shapes;

use PHPUnit\Framework\TestCase;
use Spikard\{App, Decoder, Json, Maximum, Pattern, Shape, TestClient, Type};

enum Size: string
{
    case Small = 's';
    case Large = 'l';
}

enum Grade: int
{
    case Low = 1;
    case High = 2;
}

final readonly class Point
{
    public function __construct(public float $x, public float $y = 0.5)
    {
    }
}

final readonly class Order
{
    /**
     * @param list<Point> $points
     * @param array<string, int> $counts
     * @param list<list<string>> $words
     */
    public function __construct(
        #[Pattern('^[a-zß/"]+$')] public string $name,
        public Size $size,
        public ?Point $start,
        #[Maximum(100)] public int $amount = 7,
        public array $points = [],
        public array $counts = [],
        public array $words = [['a']],
        public Grade $grade = Grade::High,
        public bool $urgent = false,
        public ?string $note = null,
    ) {
    }
}

final class Loose
{
    public int $id;
    public string $name = 'nobody';
    public ?Loose2 $inner = null;
}

final class Loose2
{
    public bool $yes;
}

/** Its constructor does more than keep. */
final readonly class Shouted
{
    public string $loud;

    public function __construct(public string $word)
    {
        $this->loud = strtoupper($word);
    }
}

final readonly class Tree
{
    /** @param list<Tree> $branches */
    public function __construct(public array $branches = [])
    {
    }
}

final readonly class Dated
{
    public function __construct(public \DateTimeImmutable $day)
    {
    }
}

class Base
{
    public function __construct(public int $a)
    {
    }
}

final class Derived extends Base
{
    public int $b = 2;
}

/** What the core reads while it checks is what the package would have made of the text. */
final class ShapeTest extends TestCase
{
    /** @dataProvider bodies */
    public function testAnObjectIsTheSameWhoeverReadsIt(string $class, string $body): void
    {
        $seen = null;
        $client = self::client($class, $seen);
        $answer = $client->post('/', headers: ['content-type' => 'application/json'], body: $body);
        self::assertSame(204, $answer->status, $answer->body);
        self::assertEquals(Decoder::of(new Type($class))(Json::decode($body)), $seen);
        self::assertInstanceOf($class, $seen);
    }

    public function bodies(): array
    {
        return [
            [Order::class, '{"name":"ab","size":"s","start":null}'],
            [Order::class, ' { "start" : {"y":1.25,"x":-0.0} , "size":"l" ,"name":"b" } '],
            [Order::class, '{"name":"\u00df\/\"","size":"\u0073","start":{"x":1},"note":"\ud83d\ude00 ß"}'],
            [Order::class, '{"name":"a","name":"b","size":"s","size":"l","start":null,"points":[{"x":1}],"points":[{"x":2,"x":3}]}'],
            [Order::class, '{"name":"a","size":"s","start":null,"points":[],"counts":{},"words":[[],["x","y"]],"grade":1,"urgent":true,"note":null}'],
            [Order::class, '{"name":"a","size":"s","start":null,"counts":{"a":1,"7":2,"":3,"07":4,"a":5}}'],
            [Order::class, '{"name":"a","size":"s","start":null,"more":{"deep":[1,{"a":null}]},"amount":-0,"points":[{"x":1e3},{"x":0.1,"z":[]}]}'],
            [Order::class, '{"name":"a","size":"s","start":null,"amount":3.0}'],
            [Order::class, '{"name":"a","size":"s","start":{"x":12345678901234567890}}'],
            [Order::class, '{"name":"a","size":"s","start":null,"points":[' . implode(',', array_fill(0, 100, '{"x":1.5,"y":2}')) . ']}'],
            [Loose::class, '{"id":1}'],
            [Loose::class, '{"inner":{"yes":true},"id":1,"name":"x"}'],
            [Shouted::class, '{"word":"hush"}'],
            [Tree::class, '{"branches":[{"branches":[]},{}]}'],
            [Dated::class, '{"day":"2026-11-26T03:04:05Z"}'],
            [Derived::class, '{"a":1}'],
        ];
    }

    /** @dataProvider kinds */
    public function testWhatTheCoreReads(string $class, bool $reads): void
    {
        self::assertSame($reads, Shape::of(new Type($class)) !== null);
    }

    public function kinds(): array
    {
        return [
            [Order::class, true], [Point::class, true], [Loose::class, true], [Shouted::class, false], [Tree::class, false],
            [Dated::class, false], [Derived::class, false], [Size::class, false], ['string', false], ['list', false],
        ];
    }

    /** @dataProvider wrong */
    public function testWhatIsWrongIsSaidAsEver(string $body, int $status, array $errors): void
    {
        $seen = null;
        $answer = self::client(Order::class, $seen)->post('/', headers: ['content-type' => 'application/json'], body: $body);
        self::assertSame($status, $answer->status, $answer->body);
        self::assertSame($errors, array_map(fn (array $one): array => [$one['pointer'], $one['keyword']], $answer->json()['errors'] ?? []));
        self::assertNull($seen);
    }

    public function wrong(): array
    {
        return [
            ['{"name":"A","size":"m","start":1}', 422, [['/name', 'pattern'], ['/size', 'enum'], ['/start', 'anyOf']]],
            ['{"size":"s","start":null,"amount":101}', 422, [['/name', 'required'], ['/amount', 'maximum']]],
            ['{"name":"a","size":"s","start":null,"grade":3,"urgent":null}', 422, [['/grade', 'enum'], ['/urgent', 'type']]],
            ['{"name":"a","size":"s","start":null', 400, []],
            ['[]', 422, [['', 'type']]],
            ['{"name":"a","size":"s","start":null,"amount":1.5}', 422, [['/amount', 'type']]],
        ];
    }

    public function testListsAndMapsAreReadToo(): void
    {
        $seen = [];
        $app = new App();
        $app->post('/list', /** @param list<Point> $points */ function (#[\Spikard\Body] array $points) use (&$seen): void {
            $seen[] = $points;
        });
        $client = new TestClient($app);
        $client->post('/list', json: [['x' => 1.0], ['x' => 2.0, 'y' => 3.0]]);
        $client->post('/list', json: []);
        self::assertEquals([[new Point(1.0), new Point(2.0, 3.0)], []], $seen);
    }

    public function testObjectsAreAsGoodAsConstructedOnes(): void
    {
        $seen = null;
        self::client(Order::class, $seen)->post('/', json: ['name' => 'a', 'size' => 's', 'start' => ['x' => 1.0]]);
        self::assertSame('b', (clone $seen)->name === 'a' ? 'b' : '');
        self::assertSame([['a']], $seen->words);
        self::assertSame(Size::Small, $seen->size);
        self::assertEquals($seen, unserialize(serialize($seen)));
        $this->expectExceptionMessage('Cannot modify readonly property');
        $seen->name = 'other';
    }

    private static function client(string $class, mixed &$seen): TestClient
    {
        $app = new App();
        $keep = function (object $given) use (&$seen): void {
            $seen = $given;
        };
        // A closure for each class: its type is what the route is made of.
        $handlers = [
            Order::class => fn (Order $given) => $keep($given), Loose::class => fn (Loose $given) => $keep($given),
            Shouted::class => fn (Shouted $given) => $keep($given), Tree::class => fn (Tree $given) => $keep($given),
            Dated::class => fn (Dated $given) => $keep($given), Derived::class => fn (Derived $given) => $keep($given),
        ];
        $app->post('/', $handlers[$class]);
        return new TestClient($app);
    }
}
