<?php

declare(strict_types=1);

namespace Spikard\Tests\Hooks;

use PHPUnit\Framework\TestCase;
use Spikard\{App, Config, Conflict, DefinitionError, Forbidden, Get, Group, InternalError, NotFound, Problem, Request, Response, TestClient};
use Spikard\Tests\Server;

use function Spikard\sleep;

require_once __DIR__ . '/Server.php';

final readonly class Item
{
    public function __construct(public int $count)
    {
    }
}

final class OutOfStock extends Problem
{
    public const CODE = 'out-of-stock';
    public const STATUS = 409;
    public const TITLE = 'Out of stock';
}

/** Made as a service is. */
final class Guard
{
    public function __construct(private readonly Keys $keys)
    {
    }

    public function __invoke(Request $request): ?Response
    {
        return match ($request->header('x-key')) {
            $this->keys->owner => null,
            'guest' => Response::text('hello, guest', 203),
            default => throw new Forbidden('not you'),
        };
    }
}

final class Keys
{
    public string $owner = 'owner';
}

#[Group('/guarded', onRequest: Guard::class)]
final class Guarded
{
    #[Get('/', preHandler: [Guard::class, Guard::class])]
    public function show(): string
    {
        return 'in';
    }
}

/** What runs at one moment of every request. */
final class HooksTest extends TestCase
{
    private const MOMENTS = ['onRequest', 'preValidation', 'preHandler', 'onResponse', 'onError'];

    public function testHooksRunInOrderAndShareTheStateOfTheRequest(): void
    {
        $note = fn (string $who, string $moment, bool $waits): \Closure => function (Request $request, mixed $more = null) use ($who, $moment, $waits): ?Response {
            if ($waits) {
                sleep(0);
            }
            $request->state['ran'][] = "{$who}.{$moment}";
            return $more instanceof Response ? $more->withoutHeader('X-Ran')->withHeader('x-ran', implode(' ', $request->state['ran'])) : null;
        };
        $app = new App();
        $shop = $app->group('/shop');
        foreach (self::MOMENTS as $number => $moment) {
            $shop->{$moment}($note('shop', $moment, $number % 2 === 1));
            $app->{$moment}($note('app', $moment, $number % 2 === 0));
        }
        $shop->post('/items', function (Item $item, Request $request): Item {
            self::assertTrue($request->state['own']);
            return $item;
        }, preHandler: function (Request $request): void {
            $request->state['own'] = true;
        });
        $client = new TestClient($app);
        $expected = fn (array $moments, array $who = ['app', 'shop']): string => implode(' ', array_merge(...array_map(fn ($moment) => array_map(fn ($one) => "{$one}.{$moment}", $who), $moments)));
        $good = $client->post('/shop/items', json: ['count' => 1]);
        self::assertSame([200, $expected(['onRequest', 'preValidation', 'preHandler', 'onResponse'])], [$good->status, $good->header('x-ran')]);
        $bad = $client->post('/shop/items', json: ['count' => 'x']);
        self::assertSame([422, $expected(['onRequest', 'preValidation', 'onError', 'onResponse'])], [$bad->status, $bad->header('x-ran')]);
        $lost = $client->get('/nowhere');
        self::assertSame([404, $expected(['onError', 'onResponse'], ['app'])], [$lost->status, $lost->header('x-ran')]);
    }

    public function testAnEditIsSeenByValidationAndHandler(): void
    {
        $app = new App();
        $app->onRequest(function (Request $request): void {
            self::assertSame('1', $request->header('x-old'));
            $request->setHeader('content-type', 'application/json');
            $request->addHeader('x-many', 'a');
            $request->addHeader('x-many', 'b');
            $request->removeHeader('X-Old');
            $request->setQueryString('limit=7');
            self::assertSame(['limit=7', 'a, b', ''], [$request->queryString(), $request->header('x-many'), $request->body()]);
        });
        $app->preValidation(function (Request $request): void {
            sleep(0);
            $request->setBody(str_replace('one', '1', $request->body()));
        });
        $app->post('/items', fn (Item $item, int $limit, Request $request): array => [$item->count, $limit, $request->header('x-many'), $request->header('x-old'), $request->body()]);
        $answer = (new TestClient($app))->post('/items', body: '{"count":one}', headers: ['content-type' => 'text/plain', 'x-old' => '1']);
        self::assertSame([1, 7, 'a, b', null, '{"count":1}'], $answer->json());
    }

    /** @dataProvider edits */
    public function testAnEditThatCannotStandIsRefused(string $edit, array $arguments, bool $hooked = true): void
    {
        $app = new App(config: new Config(debug: true));
        $wrong = fn (Request $request) => $request->{$edit}(...$arguments);
        $hooked ? $app->get('/', fn (): string => '', onRequest: $wrong) : $app->get('/', $wrong);
        $answer = (new TestClient($app))->get('/');
        self::assertSame(500, $answer->status);
        self::assertStringContainsString($hooked ? 'ValueError' : 'ValueError: only hooks edit a request', $answer->json()['cause']);
    }

    public function edits(): array
    {
        return [['setHeader', ['a b', '']], ['addHeader', ['a', "\n"]], ['setQueryString', ['a b']], ['setQueryString', ["\xff"]], ['setHeader', ['a', 'b'], false]];
    }

    public function testAHookAnswersByAResponseOrAProblem(): void
    {
        foreach (['onRequest', 'preValidation', 'preHandler'] as $moment) {
            $app = new App();
            $app->get('/', fn (): string => 'in', ...[$moment => Guard::class]);
            $app->get('/returned', fn (): string => 'in', ...[$moment => fn () => new Conflict('returned')]);
            $app->controller(Guarded::class);
            $client = new TestClient($app);
            $told = fn (string $path, array $headers = []): string => implode(' ', [$client->get($path, headers: $headers)->status, $client->get($path, headers: $headers)->body]);
            foreach (['/', '/guarded'] as $path) {
                self::assertStringStartsWith('403 ', $told($path));
                self::assertSame('203 hello, guest', $told($path, ['x-key' => 'guest']));
                self::assertSame('200 in', $told($path, ['x-key' => 'owner']));
            }
            self::assertStringStartsWith('409 ', $told('/returned'));
        }
    }

    public function testTheResponseIsEditedOrReplaced(): void
    {
        $app = new App();
        $app->onResponse(function (Request $request, Response $response): ?Response {
            $edited = $response->withStatus($response->status + 1)->withHeader('x-length', (string) strlen((string) $response->content));
            return match ($request->path()) {
                '/content' => Response::text(strtoupper($response->content), $edited->status, $edited->headers, $edited->contentType),
                '/object' => Response::json(['a' => 1]),
                '/itself' => $response,
                '/head' => $edited,
                '/stream' => Response::stream(['x', 'y']),
                default => null,
            };
        });
        $app->get('/nothing', function (): void {
        });
        $app->get('/{name}', fn (string $name): string => $name);
        $client = new TestClient($app);
        $rows = ['/content' => [201, 'CONTENT'], '/object' => [200, '{"a":1}'], '/itself' => [200, 'itself'], '/head' => [201, 'head'], '/stream' => [200, 'xy'], '/other' => [200, 'other'], '/nothing' => [204, '']];
        foreach ($rows as $path => $expected) {
            $answer = $client->get($path);
            self::assertSame($expected, [$answer->status, $answer->body], $path);
        }
        self::assertSame(['7', 'text/plain; charset=utf-8'], [$client->get('/content')->header('x-length'), $client->get('/content')->header('content-type')]);
    }

    public function testAStreamIsNotReadAndKeepsItsChunks(): void
    {
        $seen = [];
        $app = new App();
        $app->onResponse(function (Request $request, Response $response) use (&$seen): Response {
            $seen[] = $response->content;
            return $response->withHeader('x-seen', '1')->withStatus(202);
        });
        $app->get('/', function (): \Generator {
            yield 'a';
            yield 'b';
        });
        $app->get('/empty', fn (): Response => Response::empty(204));
        $client = new TestClient($app);
        $answer = $client->get('/');
        self::assertSame([202, 'ab', '1', 'text/plain; charset=utf-8', [null]], [$answer->status, $answer->body, $answer->header('x-seen'), $answer->header('content-type'), $seen]);
        self::assertSame(['', null], [$client->get('/empty')->body, $client->get('/empty')->header('content-type')]);
    }

    public function testErrorsAreSeenWithWhatWasThrown(): void
    {
        $seen = [];
        $app = new App();
        $app->onError(function (Request $request, Problem $problem) use (&$seen): void {
            $seen[] = [$problem::class, $problem->detail, $problem->getPrevious() === null ? null : $problem->getPrevious()::class];
        });
        $app->onError(function (Request $request, Problem $problem): ?Response {
            sleep(0);
            if ($problem instanceof NotFound) {
                return Response::html('<h1>gone</h1>', 404);
            }
            return $problem->getPrevious() instanceof \DivisionByZeroError ? throw new Conflict('cannot be divided', extensions: ['by' => 0], previous: $problem) : null;
        });
        $app->get('/divided', function (): int {
            sleep(0);
            return intdiv(1, 0);
        });
        $app->get('/stock', fn () => throw new OutOfStock('none left'));
        $app->get('/typed/{id}', fn (int $id): int => $id);
        $client = new TestClient($app);
        self::assertSame([404, '<h1>gone</h1>'], [$client->get('/nowhere')->status, $client->get('/nowhere')->body]);
        $conflict = $client->get('/divided')->json();
        self::assertSame(['conflict', 'cannot be divided', 0], [$conflict['code'], $conflict['detail'], $conflict['by']]);
        self::assertSame('out-of-stock', $client->get('/stock')->json()['code']);
        self::assertSame(422, $client->get('/typed/x')->status);
        array_shift($seen);
        self::assertSame([
            [NotFound::class, 'no route matches the path', null], [InternalError::class, '', \DivisionByZeroError::class],
            [OutOfStock::class, 'none left', null],
        ], array_slice($seen, 0, 3));
        self::assertSame(\Spikard\InvalidRequest::class, $seen[3][0]);
    }

    public function testAHookThatFailsIsA500AndSaysNothing(): void
    {
        foreach (self::MOMENTS as $moment) {
            $app = new App();
            $app->get('/', fn () => throw new Conflict(), ...[$moment => fn () => throw new \RuntimeException('a secret')]);
            $app->get('/nonsense', fn () => throw new Conflict(), ...[$moment => fn (): array => ['a secret']]);
            $app->get('/fine', fn (): string => 'fine');
            $client = new TestClient($app);
            foreach (['/', '/nonsense'] as $path) {
                self::assertSame(500, $client->get($path)->status, $moment);
                self::assertStringNotContainsString('secret', $client->get($path)->body);
            }
            self::assertSame('fine', $client->get('/fine')->body);
        }
    }

    public function testWrongHooksAreRefusedAtStart(): void
    {
        $app = new App();
        $app->onResponse(fn (Request $request, Response $response, int $more) => null);
        $app->get('/', fn (): string => '', onError: 404);
        $app->group('/a', preHandlers: [])->get('/', fn (): string => '');
        try {
            $app->openapi();
            self::fail('it was taken');
        } catch (DefinitionError $error) {
            self::assertStringContainsString('HooksTest.php', $error->mistakes[0]);
            self::assertStringContainsString('onResponse hook: it takes more than there is; write `fn (Request $request, Response $response) => …`', $error->mistakes[0]);
            self::assertSame('onError hook: a hook is a function, or a class with __invoke, not int', $error->mistakes[1]);
            self::assertStringContainsString('group /a: unknown option preHandlers', $error->mistakes[2]);
        }
    }

    public function testMiddlewareAndHandlerSeeWhatHooksLeft(): void
    {
        $app = new App(middleware: [function (Request $request, \Closure $next): array {
            return [...$next(), 'around' => $request->state['user']];
        }]);
        $app->onRequest(function (Request $request): void {
            $request->state['user'] = $request->header('x-user') ?? 'nobody';
        });
        $app->get('/', fn (Request $request): array => ['in' => $request->state['user']]);
        $client = new TestClient($app);
        self::assertSame(['in' => 'Ada', 'around' => 'Ada'], $client->get('/', headers: ['x-user' => 'Ada'])->json());
        self::assertSame(['in' => 'nobody', 'around' => 'nobody'], $client->get('/')->json());
    }

    public function testOverTheWire(): void
    {
        $server = new Server('hooks.php');
        self::assertSame(array_fill(0, 32, '200 waited'), $server->together('/', 32));
        self::assertSame('504 handler-timeout', $server->get('/late'));
        self::assertSame('500 internal', $server->get('/destructor'));
        self::assertSame('200 bye', $server->get('/exit'));
        self::assertSame(75, $server->end(null));
    }

    public function testMemoryIsFlat(): void
    {
        $server = new Server('hooks.php');
        $paths = ['/quick', '/fails', '/answered', '/nowhere'];
        $server->many($paths, 12_000);
        $before = $server->memory();
        $server->many($paths, 20_000);
        self::assertLessThan(1 << 20, $server->memory() - $before);
        self::assertSame(0, $server->end(SIGTERM));
    }
}
