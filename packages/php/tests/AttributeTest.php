<?php

declare(strict_types=1);

namespace Spikard\Tests;

use PHPUnit\Framework\TestCase;
use Spikard\{Above, App, Below, Body, Cookie, Count, Delete, Description, Format, Get, Group, Header, Items, Length, Maximum};
use Spikard\{Middleware, Minimum, MultipleOf, Patch, Path, Pattern, Post, Put, Query, Request, Route, TestClient};

final readonly class Constrained
{
    public function __construct(
        #[Minimum(1)] public int $minimum = 1,
        #[Maximum(9)] public int $maximum = 1,
        #[Above(0)] public float $above = 1.0,
        #[Below(10)] public float $below = 1.0,
        #[MultipleOf(3)] public int $multiple = 3,
        #[Length(2, 3)] public string $length = 'ab',
        #[Pattern('^a')] public string $pattern = 'a',
        #[Format('uuid')] public ?string $format = null,
        #[Items('int'), Count(1, 2, unique: true)] public array $count = [1],
        #[Description('What it is for.')] public string $described = '',
    ) {
    }
}

final readonly class Louder
{
    public function __invoke(Request $request, \Closure $next): mixed
    {
        return strtoupper($next());
    }
}

#[Group('/things/{shop}', tags: ['things'], bodyLimit: 100)]
final readonly class Things
{
    #[Get('/')]
    public function get(#[Path(minLength: 2)] string $shop): string
    {
        return "get {$shop}";
    }

    #[Post('/', status: 201)]
    public function post(#[Body] array $body): string
    {
        return 'post ' . count($body);
    }

    #[Put('/')]
    public function put(#[Header(pattern: '^"')] string $ifMatch): string
    {
        return "put {$ifMatch}";
    }

    #[Patch('/')]
    public function patch(#[Cookie(name: 'c')] string $cookie): string
    {
        return "patch {$cookie}";
    }

    #[Delete('/'), Delete('/all', deprecated: true, summary: 'All of them', operationId: 'deleteAll', tags: ['more'])]
    public function delete(#[Query(name: 'x-y', maximum: 5, description: 'How many.', deprecated: true)] int $count = 1): string
    {
        return "delete {$count}";
    }

    #[Route('QUERY', '/', hidden: true), Middleware(Louder::class)]
    public function query(): string
    {
        return 'query';
    }
}

/** Every attribute does what it says. */
final class AttributeTest extends TestCase
{
    /** @dataProvider constraints */
    public function testAConstraintIsAKeywordThatRefuses(string $member, mixed $wrong, string $keyword, mixed $value): void
    {
        $app = new App();
        $app->post('/', fn (Constrained $it): string => 'well');
        $client = new TestClient($app);
        self::assertSame(200, $client->post('/', json: (object) [])->status);
        $answer = $client->post('/', json: [$member => $wrong]);
        $errors = array_map(fn (array $error): array => [$error['pointer'], $error['keyword']], $answer->json()['errors'] ?? []);
        self::assertSame([422, [["/{$member}", $keyword]]], [$answer->status, $errors]);
        $document = json_decode($app->openapi(), true);
        self::assertSame($value, $document['components']['schemas']['Constrained']['properties'][$member][$keyword]);
    }

    public function constraints(): array
    {
        return [
            ['minimum', 0, 'minimum', 1],
            ['maximum', 10, 'maximum', 9],
            ['above', 0, 'exclusiveMinimum', 0],
            ['below', 10, 'exclusiveMaximum', 10],
            ['multiple', 4, 'multipleOf', 3],
            ['length', 'a', 'minLength', 2],
            ['length', 'abcd', 'maxLength', 3],
            ['pattern', 'b', 'pattern', '^a'],
            ['format', 'x', 'format', 'uuid'],
            ['count', [], 'minItems', 1],
            ['count', [1, 2, 3], 'maxItems', 2],
            ['count', [1, 1], 'uniqueItems', true],
        ];
    }

    public function testAMemberIsDescribed(): void
    {
        $app = new App();
        $app->post('/', fn (Constrained $it): string => 'well');
        $document = json_decode($app->openapi(), true);
        self::assertSame('What it is for.', $document['components']['schemas']['Constrained']['properties']['described']['description']);
    }

    /** @dataProvider requests */
    public function testAMethodIsARoute(string $method, string $path, array $more, int $status, string $part): void
    {
        $app = new App();
        $app->controller(Things::class);
        $answer = (new TestClient($app))->request($method, $path, ...$more);
        self::assertSame($status, $answer->status, $answer->body);
        self::assertStringContainsString($part, $answer->body);
    }

    public function requests(): array
    {
        return [
            ['GET', '/things/ab', [], 200, 'get ab'],
            ['GET', '/things/a', [], 422, '"in":"path","pointer":"/shop"'],
            ['POST', '/things/ab', ['json' => [1, 2]], 201, 'post 2'],
            ['POST', '/things/ab', ['json' => range(1, 100)], 413, 'too-large'],
            ['PUT', '/things/ab', ['headers' => ['if-match' => '"1"']], 200, 'put "1"'],
            ['PUT', '/things/ab', ['headers' => ['if-match' => '1']], 422, '"in":"header","pointer":"/if-match"'],
            ['PATCH', '/things/ab', ['cookies' => ['c' => 'd']], 200, 'patch d'],
            ['PATCH', '/things/ab', [], 422, '"in":"cookie","pointer":"/c"'],
            ['DELETE', '/things/ab?x-y=3', [], 200, 'delete 3'],
            ['DELETE', '/things/ab/all', [], 200, 'delete 1'],
            ['DELETE', '/things/ab?x-y=6', [], 422, '"in":"query","pointer":"/x-y"'],
            ['QUERY', '/things/ab', [], 200, 'QUERY'],
        ];
    }

    public function testOptionsStandInTheDocument(): void
    {
        $app = new App();
        $app->controller(Things::class);
        $paths = json_decode($app->openapi(), true)['paths'];
        $all = $paths['/things/{shop}/all']['delete'];
        self::assertSame([true, 'All of them', 'deleteAll', ['things', 'more']], [$all['deprecated'], $all['summary'], $all['operationId'], $all['tags']]);
        $count = array_values(array_filter($all['parameters'], fn (array $one): bool => $one['name'] === 'x-y'))[0];
        self::assertSame(['How many.', true, 5, 1], [$count['description'], $count['deprecated'], $count['schema']['maximum'], $count['schema']['default']]);
        self::assertArrayNotHasKey('query', $paths['/things/{shop}']);
    }

    public function testASynchronousHandlerHasNoStackOfItsOwn(): void
    {
        $app = new App();
        $wait = function (): string {
            \Spikard\sleep(0.001);
            return 'waited';
        };
        $app->get('/sync', $wait, sync: true);
        $app->get('/fiber', $wait);
        $client = new TestClient($app);
        self::assertSame(['waited', 'waited'], [$client->get('/sync')->body, $client->get('/fiber')->body]);
    }
}
