<?php

declare(strict_types=1);

namespace Spikard\Tests;

use PHPUnit\Framework\TestCase;
use Spikard\{App, BigInteger, Body, Config, Cookie, DefinitionError, Get, Group, Header, Items, Length, Middleware, Minimum, NotFound};
use Spikard\{Parameters, Pattern, Post, Problem, Query, Request, Response, TestClient};

enum Colour: string
{
    case Red = 'red';
    case Blue = 'blue';
}

/** A size in millimetres. */
final readonly class Size
{
    public function __construct(#[Minimum(0)] public float $width, #[Minimum(0)] public float $height = 1.0)
    {
    }
}

/**
 * A part.
 *
 * With everything that a class can say.
 */
final readonly class Part
{
    /**
     * @param list<string> $tags
     * @param array<string, Size> $sizes
     */
    public function __construct(
        #[Pattern('^[A-Z]{3}-\d{4}$')] public string $sku,
        public Colour $colour,
        public ?Size $size = null,
        public array $tags = [],
        public array $sizes = [],
        #[Items(Size::class)] public array $more = [],
        public ?\DateTimeImmutable $made = null,
        public int $count = 0,
    ) {
        if ($count === 13) {
            throw new \DomainException('thirteen is none of our counts');
        }
    }
}

final class Shelf
{
    /** @var list<Part> */
    public array $parts = [];
    public bool $closed = false;
}

/** Writes down who was there. */
final class Witness
{
    /** @var list<string> */
    public static array $seen = [];

    public function __construct(private readonly Shelf $shelf)
    {
    }

    public function __invoke(Request $request, \Closure $next): mixed
    {
        self::$seen[] = "in {$request->path()} " . count($this->shelf->parts);
        try {
            return $next();
        } finally {
            self::$seen[] = 'out';
        }
    }
}

#[Middleware(Witness::class)]
final readonly class Watched
{
    #[Get('/watched'), Middleware(Witness::class)]
    public function all(): string
    {
        Witness::$seen[] = 'handler';
        return 'all';
    }
}

#[Group('/parts', tags: ['parts'])]
final readonly class Parts
{
    public function __construct(private Shelf $shelf)
    {
    }

    /**
     * All parts, oldest first.
     *
     * @return list<Part>
     */
    #[Get('/')]
    public function all(#[Query(minimum: 1, maximum: 10)] int $limit = 5): array
    {
        return array_slice($this->shelf->parts, 0, $limit);
    }

    #[Post('/', status: 201)]
    public function add(Part $part): Part
    {
        $this->shelf->parts[] = $part;
        return $part;
    }
}

final class AppTest extends TestCase
{
    public function testAClosureIsGivenTypedParameters(): void
    {
        $app = new App();
        $app->get('/items/{id}', fn (int $id, ?string $tag = null, bool $all = false, #[Header] ?string $ifMatch = null, #[Cookie] string $token = 'none'): array
            => get_defined_vars());
        $client = new TestClient($app);
        $answer = $client->get('/items/7', query: ['all' => true], headers: ['if-match' => '"1"'], cookies: ['token' => 'x']);
        self::assertSame(['id' => 7, 'tag' => null, 'all' => true, 'ifMatch' => '"1"', 'token' => 'x'], $answer->json());
        self::assertSame(['id' => 7, 'tag' => 'a b', 'all' => false, 'ifMatch' => null, 'token' => 'none'], $client->get('/items/7?tag=a%20b')->json());
        self::assertSame(422, $client->get('/items/seven')->status);
    }

    public function testAListOfParametersIsAnArray(): void
    {
        $app = new App();
        /** @param list<int> $ids */
        $list = fn (array $ids, #[Items('string')] array $tags = []): array => ['ids' => $ids, 'tags' => $tags];
        $app->get('/', $list);
        $answer = (new TestClient($app))->get('/', query: ['ids' => [1, 2], 'tags' => ['a']]);
        self::assertSame(['ids' => [1, 2], 'tags' => ['a']], $answer->json());
    }

    public function testAnIntegerThatNoIntHoldsIsRefusedOrBig(): void
    {
        $app = new App();
        $app->get('/int/{id}', fn (int $id): int => $id);
        $app->get('/big/{id}', fn (BigInteger $id): string => (string) $id);
        $client = new TestClient($app);
        $digits = str_repeat('9', 30);
        $answer = $client->get("/int/{$digits}");
        self::assertSame([422, '/id', 'path'], [$answer->status, $answer->json()['errors'][0]['pointer'], $answer->json()['errors'][0]['in']]);
        self::assertSame($digits, $client->get("/big/{$digits}")->body);
        self::assertSame('7', $client->get('/big/7')->body);
        $app = new App();
        $app->put('/', fn (Request $request): array => ['n' => $request->json()]);
        self::assertSame("{\"n\":[{$digits},1]}", (new TestClient($app))->put('/', body: "[{$digits},1]")->body);
    }

    public function testABodyIsHydrated(): void
    {
        $app = new App();
        $seen = null;
        $app->post('/', function (Part $part) use (&$seen): Part {
            return $seen = $part;
        });
        $client = new TestClient($app);
        $answer = $client->post('/', json: [
            'sku' => 'BLT-0001', 'colour' => 'red', 'size' => ['width' => 2], 'tags' => ['a'],
            'sizes' => ['s' => ['width' => 1, 'height' => 2]], 'more' => [['width' => 3]], 'made' => '2026-11-25T10:00:00Z', 'count' => 3.0,
        ]);
        self::assertSame(200, $answer->status, $answer->body);
        self::assertSame(Colour::Red, $seen->colour);
        self::assertEquals(new Size(2.0), $seen->size);
        self::assertEquals(['s' => new Size(1.0, 2.0)], $seen->sizes);
        self::assertEquals([new Size(3.0)], $seen->more);
        self::assertSame('2026-11-25T10:00:00+00:00', $seen->made->format('c'));
        self::assertSame(3, $seen->count);
    }

    /** @dataProvider wrongBodies */
    public function testWhatIsWrongInABodyIsLocated(array $change, string $pointer, string $keyword): void
    {
        $app = new App();
        $app->post('/', fn (Part $part): int => 1);
        $answer = (new TestClient($app))->post('/', json: $change + ['sku' => 'BLT-0001', 'colour' => 'red']);
        self::assertSame(422, $answer->status, $answer->body);
        $errors = array_map(fn (array $error): array => [$error['pointer'], $error['keyword']], $answer->json()['errors']);
        self::assertSame([[$pointer, $keyword]], $errors);
    }

    public function wrongBodies(): array
    {
        return [
            'pattern' => [['sku' => 'bolt'], '/sku', 'pattern'],
            'enum' => [['colour' => 'green'], '/colour', 'enum'],
            'nested' => [['sizes' => ['s' => ['width' => -1]]], '/sizes/s/width', 'minimum'],
            'list' => [['tags' => ['a', 1]], '/tags/1', 'type'],
            'constructor' => [['count' => 13], '', 'convert'],
            'not an integer' => [['count' => 1.5], '/count', 'type'],
        ];
    }

    public function testAControllerHasItsServices(): void
    {
        $app = new App();
        $made = 0;
        $app->provide(Shelf::class, function () use (&$made): Shelf {
            $made++;
            return new Shelf();
        }, fn (Shelf $shelf) => $shelf->closed = true);
        $app->controller(Parts::class);
        $app->get('/count', fn (Shelf $shelf): int => count($shelf->parts));
        $client = new TestClient($app);
        self::assertSame(201, $client->post('/parts', json: ['sku' => 'BLT-0001', 'colour' => 'blue'])->status);
        self::assertSame('BLT-0001', $client->get('/parts')->json()[0]['sku']);
        self::assertSame(422, $client->get('/parts', query: ['limit' => 11])->status);
        self::assertSame([1, '1'], [$made, $client->get('/count')->body]);
        $document = json_decode($app->openapi(), true);
        self::assertSame(['parts'], $document['paths']['/parts']['get']['tags']);
        self::assertSame('All parts, oldest first.', $document['paths']['/parts']['get']['summary']);
        self::assertSame("A part.\n\nWith everything that a class can say.", $document['components']['schemas']['Part']['description']);
        self::assertSame(['type' => 'string', 'enum' => ['red', 'blue']], $document['components']['schemas']['Colour']);
    }

    /** @dataProvider results */
    public function testWhatAHandlerReturns(callable $handler, int $status, ?string $type, string $body): void
    {
        $app = new App();
        $app->get('/', $handler);
        $answer = (new TestClient($app))->get('/');
        self::assertSame([$status, $type, $body], [$answer->status, $answer->header('content-type'), $answer->body]);
    }

    public function results(): array
    {
        $text = 'text/plain; charset=utf-8';
        return [
            'array' => [fn (): array => ['a' => 1.0], 200, 'application/json', '{"a":1.0}'],
            'nothing' => [function (): void {
            }, 204, null, ''],
            'text' => [fn () => 'é', 200, $text, 'é'],
            'bytes' => [fn () => "\xff", 200, 'application/octet-stream', "\xff"],
            'printed' => [function () {
                echo 'he', 'llo';
            }, 200, $text, 'hello'],
            'response' => [fn () => Response::html('<p>', 202), 202, 'text/html; charset=utf-8', '<p>'],
            'redirect' => [fn () => Response::redirect('/x'), 307, null, ''],
            'object' => [fn () => new Size(1.5), 200, 'application/json', '{"width":1.5,"height":1.0}'],
        ];
    }

    public function testProblemsAreThrownOrReturned(): void
    {
        $app = new App();
        $app->get('/thrown', fn () => throw NotFound::because('no such part', headers: ['x-a' => 'b'], extensions: ['part' => 7]));
        $app->get('/own', fn () => new Problem('too hot', status: 418, code: 'teapot', title: 'I am a teapot'));
        $app->get('/broken', fn () => throw new \RuntimeException('a secret'));
        $client = new TestClient($app);
        $thrown = $client->get('/thrown');
        self::assertSame([404, 'no such part', 7, 'b'], [$thrown->status, $thrown->json()['detail'], $thrown->json()['part'], $thrown->header('x-a')]);
        $own = $client->get('/own');
        self::assertSame([418, 'teapot', 'too hot'], [$own->status, $own->json()['code'], $own->json()['detail']]);
        $broken = $client->get('/broken');
        self::assertSame(500, $broken->status);
        self::assertStringNotContainsString('secret', $broken->body);
    }

    public function testTheRequestAsItCame(): void
    {
        $app = new App();
        $app->post('/a', function (Request $request, Parameters $parameters, string $q = 'd'): array {
            \Spikard\sleep(0.001);
            return [$request->method(), $request->target(), $request->path(), $request->queryString(), $request->header('X-One'),
                $request->cookie('b'), $request->json(), $request->client(), $parameters->query, $request->isAwaited()];
        });
        $answer = (new TestClient($app))->post('/a?q=1', json: ['n' => 7], headers: ['x-one' => ['1', '2']], cookies: ['a' => '1', 'b' => '2']);
        self::assertSame(['POST', '/a?q=1', '/a', 'q=1', '1, 2', '2', ['n' => 7], null, ['q' => '1'], true], $answer->json());
    }

    public function testABodyOfBytes(): void
    {
        $app = new App();
        $app->put('/', fn (#[Body('application/x-tar')] string $bytes): int => strlen($bytes));
        $client = new TestClient($app);
        self::assertSame('3', $client->put('/', body: "\0\xff\1", headers: ['content-type' => 'application/x-tar'])->body);
        self::assertSame(415, $client->put('/', json: 1)->status);
    }

    public function testEveryMistakeIsNamedAtOnce(): void
    {
        $app = new App(config: new Config(trailingSlash: 'never'));
        $app->get('/a/{id}', fn (Part $part) => 1);
        $app->get('/b', fn () => 1, sumary: 'x');
        $app->get('/c', fn (array $ids) => $ids);
        $app->get('/b', fn () => 1);
        try {
            $app->freeze();
            self::fail('nothing is wrong');
        } catch (DefinitionError $error) {
            $text = $error->getMessage();
        }
        foreach (['GET /a/{id}: $part: where does a', 'GET /c: $ids: what is in this array?', 'unknown option sumary', 'trailing_slash'] as $part) {
            self::assertStringContainsString($part, $text);
        }
    }

    public function testGroupsNestAndLend(): void
    {
        $app = new App();
        $outer = $app->group('/a', tags: ['outer'], bodyLimit: 4);
        $outer->group('/b')->post('/c', fn (Request $request): string => $request->body());
        $client = new TestClient($app);
        self::assertSame('1234', $client->post('/a/b/c', body: '1234')->body);
        self::assertSame(413, $client->post('/a/b/c', body: '12345')->status);
    }

    public function testCookiesAreSafeByDefault(): void
    {
        $app = new App();
        $app->get('/', fn (): Response => Response::text('hi')->withCookie('seen', '3')->withCookie('old', '', maxAge: 0, secure: false, httpOnly: false));
        $answer = (new TestClient($app))->get('/');
        self::assertSame('seen=3; Path=/; Secure; HttpOnly; SameSite=Lax, old=; Max-Age=0; Path=/; SameSite=Lax', $answer->header('set-cookie'));
        $this->expectException(\ValueError::class);
        Response::empty()->withCookie('a', 'b c');
    }

    public function testMiddlewareStandsAroundHandlers(): void
    {
        $seen = [];
        $note = function (string $name) use (&$seen): \Closure {
            return function (Request $request, \Closure $next) use ($name, &$seen): mixed {
                $seen[] = $name;
                return $next();
            };
        };
        $app = new App(middleware: [$note('app')]);
        $group = $app->group('/a', middleware: [$note('group')]);
        $group->get('/b', fn (string $q): string => $q, middleware: [
            $note('route'),
            fn (Request $request, \Closure $next): Response => Response::text(strtoupper($next()), headers: ['x-by' => 'middleware']),
        ]);
        $app->get('/refused', fn (): string => 'reached', middleware: [fn () => throw NotFound::because('not for you')]);
        $client = new TestClient($app);
        $answer = $client->get('/a/b?q=hello');
        self::assertSame(['HELLO', 'middleware', ['app', 'group', 'route']], [$answer->body, $answer->header('x-by'), $seen]);
        self::assertSame(404, $client->get('/refused')->status);
    }

    public function testMiddlewareOfAControllerIsAService(): void
    {
        Witness::$seen = [];
        $app = new App();
        $app->provide(Shelf::class, fn () => new Shelf());
        $app->controller(Watched::class);
        self::assertSame('all', (new TestClient($app))->get('/watched')->body);
        self::assertSame(['in /watched 0', 'in /watched 0', 'handler', 'out', 'out'], Witness::$seen);
    }

    public function testConstraintsAreKeywords(): void
    {
        $app = new App();
        $app->get('/', fn (#[Length(2, 3)] string $word): string => $word);
        $client = new TestClient($app);
        self::assertSame([422, 200, 422], array_map(fn (string $word): int => $client->get('/', query: ['word' => $word])->status, ['a', 'ab', 'abcd']));
    }
}
