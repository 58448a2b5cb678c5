<?php

declare(strict_types=1);

namespace Spikard\Tests\Psr;

use PHPUnit\Framework\TestCase;
use Psr\Http\Message\{ResponseFactoryInterface, ResponseInterface, ServerRequestInterface};
use Psr\Http\Server\{MiddlewareInterface, RequestHandlerInterface};
use Psr\Log\{AbstractLogger, LoggerInterface};
use Spikard\{App, Get, Group, Middleware, NotFound, Request, Response, TestClient};

if (interface_exists(MiddlewareInterface::class)) {
    require_once __DIR__ . '/programs/psr.php';
}

/** The interfaces of PHP-FIG, from the extension `psr`, with Nyholm's objects: both are Debian's. */
final class PsrTest extends TestCase
{
    private const NYHOLM = __DIR__ . '/../nyholm';

    protected function setUp(): void
    {
        if (!interface_exists(MiddlewareInterface::class)) {
            self::markTestSkipped('the interfaces of PSR are not there: scripts/php-project takes them from Debian\'s php-psr');
        }
        if (!is_dir(self::NYHOLM)) {
            self::markTestSkipped('Nyholm\Psr7 is not there: scripts/php-project takes it from Debian\'s php-nyholm-psr7');
        }
        spl_autoload_register(static function (string $class): void {
            if (str_starts_with($class, 'Nyholm\\Psr7\\')) {
                require self::NYHOLM . '/' . strtr(substr($class, 12), '\\', '/') . '.php';
            }
        });
        Notes::$lines = [];
    }

    public function testAHandlerTakesAndGivesPsr7(): void
    {
        $app = new App();
        $app->post('/{id}', function (ServerRequestInterface $request, string $id): ResponseInterface {
            $seen = [
                $request->getMethod(), (string) $request->getUri(), $request->getHeader('x-two'), $request->getHeaderLine('host'),
                $request->getQueryParams(), $request->getCookieParams(), (string) $request->getBody(), $id,
                $request->getAttribute('request_id') === $request->getHeaderLine('x-request-id'),
            ];
            return (new \Nyholm\Psr7\Response(203, ['X-A' => ['1', '2'], 'content-type' => 'application/x-seen', 'content-length' => '7']))
                ->withBody(\Nyholm\Psr7\Stream::create(json_encode($seen)));
        });
        $answer = (new TestClient($app))->post(
            '/7?a=1&b%5B%5D=2',
            headers: [['x-two', '1'], ['x-two', '2'], ['x-request-id', 'mine']],
            cookies: ['session' => 's'],
            body: 'hello',
        );
        self::assertSame([203, 'application/x-seen', '1, 2'], [$answer->status, $answer->header('content-type'), $answer->header('x-a')]);
        self::assertSame(
            ['POST', 'http://' . $answer->json()[3] . '/7?a=1&b%5B%5D=2', ['1', '2'], $answer->json()[3], ['a' => '1', 'b' => ['2']], ['session' => 's'], 'hello', '7', true],
            $answer->json(),
        );
    }

    public function testARequestHandlerIsAHandler(): void
    {
        $app = new App();
        $app->get('/', (new Shouting())->handle(...));
        self::assertSame('GET!', (new TestClient($app))->get('/')->body);
    }

    /** @dataProvider results */
    public function testAMiddlewareThatPassesOnChangesNothing(mixed $result, int $status, array $options = []): void
    {
        $app = new App();
        $handler = fn () => $result instanceof \Closure ? $result() : $result;
        $app->get('/plain', $handler, ...$options);
        $app->get('/around', $handler, ...$options, middleware: [new Passing()]);
        $app->get('/stamped', $handler, ...$options, middleware: [Stamping::class]);
        $client = new TestClient($app);
        $plain = $client->get('/plain');
        $told = fn (string $path): array => [$client->get($path)->status, $client->get($path)->header('content-type'), preg_replace('/"(request_id|instance)":"[^"]*"/', '', $client->get($path)->body)];
        self::assertSame($status, $plain->status);
        self::assertSame($told('/plain'), $told('/around'));
        if ($status < 400) {
            self::assertSame($told('/plain'), $told('/stamped'), 'a response that a middleware changed is by the same rules');
            self::assertSame('yes', $client->get('/stamped')->header('x-stamp'));
        }
    }

    public function results(): array
    {
        return [
            'array' => [['a' => 1.0], 200],
            'with a status' => [['a' => 1], 202, ['status' => 202]],
            'of another media type' => [[1], 200, ['response' => ['200' => ['description' => '', 'content' => ['application/hal+json' => true]]]]],
            'text' => ['hello', 200],
            'text that is JSON' => ['hello', 200, ['response' => ['200' => ['description' => '', 'content' => ['application/json' => true]]]]],
            'bytes' => ["\xff", 200],
            'nothing' => [null, 204],
            'null' => [null, 200, ['response' => ['200' => ['description' => '', 'content' => ['application/json' => true]]]]],
            'our own' => [Response::json([1], 201, ['etag' => '"1"']), 201],
            'empty' => [Response::empty(304), 304],
            'stream' => [function () {
                yield 'a';
                yield 'b';
            }, 200],
            'stream of our own' => [Response::stream(['a', 'b'], 206, ['x-a' => '1'], 'text/csv'), 206],
            'problem' => [new NotFound('no'), 404],
            'thrown' => [fn () => throw new NotFound('no'), 404],
            'failed' => [fn () => throw new \LogicException('secret'), 500],
        ];
    }

    public function testAMiddlewareChangesRequestAndResponseAndAnswersItself(): void
    {
        $app = new App(middleware: [Stamping::class]);
        $app->provide(Notes::class, fn () => new Notes());
        $app->controller(Guarded::class);
        $client = new TestClient($app);
        $refused = $client->get('/guarded');
        self::assertSame([401, 'who?', 'yes'], [$refused->status, $refused->body, $refused->header('x-stamp')]);
        $let = $client->get('/guarded', headers: ['x-user' => 'ann']);
        self::assertSame([200, ['ann', 'GET'], 'yes'], [$let->status, $let->json(), $let->header('x-stamp')]);
    }

    public function testFactoriesMayBeProvided(): void
    {
        $app = new App(middleware: [new Stamping()]);
        $made = 0;
        $app->provide(ResponseFactoryInterface::class, function () use (&$made): ResponseFactoryInterface {
            $made++;
            return new \Nyholm\Psr7\Factory\Psr17Factory();
        });
        $app->get('/', fn (): string => 'a');
        self::assertSame('a', (new TestClient($app))->get('/')->body);
        self::assertSame(1, $made);
    }

    public function testALoggerHearsOfWhatNobodyExpects(): void
    {
        $notes = new Notes();
        $app = new App(logger: $notes);
        $app->get('/', fn () => throw new \LogicException('a secret'));
        $app->get('/around', fn () => throw new \LogicException('another'), middleware: [fn ($request, $next) => $next()]);
        $app->get('/problem', fn () => throw new NotFound('expected'));
        $app->get('/nonsense', fn () => ["\xff"]);
        $app->get('/asks', function (LoggerInterface $logger): string {
            $logger->info('asked by {who}', ['who' => 'me']);
            return $logger::class;
        });
        $client = new TestClient($app);
        $statuses = array_map(fn (string $path): int => $client->get($path)->status, ['/', '/around', '/problem', '/nonsense']);
        self::assertSame([500, 500, 404, 500], $statuses);
        self::assertSame(Notes::class, $client->get('/asks')->body);
        self::assertSame([
            'error GET / failed: a secret LogicException', 'error GET /around failed: another LogicException',
            'error GET /nonsense failed: Malformed UTF-8 characters, possibly incorrectly encoded JsonException', 'info asked by me',
        ], Notes::$lines);
    }

    public function testWithoutTheInterfacesNothingIsMissed(): void
    {
        $settings = sys_get_temp_dir() . '/spikard-' . getmypid();
        mkdir($settings);
        copy(__DIR__ . '/../conf/spikard.ini', "{$settings}/spikard.ini");
        $code = 'require "vendor/autoload.php"; $app = new Spikard\App(); $app->get("/", fn () => interface_exists("Psr\Log\LoggerInterface"), middleware: [fn ($r, $next) => $next()]);'
            . ' echo (new Spikard\TestClient($app))->get("/")->body;';
        $process = proc_open([PHP_BINARY, '-r', $code], [['file', '/dev/null', 'r'], ['pipe', 'w']], $pipes, __DIR__ . '/..', ['PHP_INI_SCAN_DIR' => $settings]);
        $told = stream_get_contents($pipes[1]);
        $code = proc_close($process);
        unlink("{$settings}/spikard.ini");
        rmdir($settings);
        self::assertSame(['false', 0], [$told, $code]);
    }

    public function testWithoutOneThereIsOurs(): void
    {
        $program = __DIR__ . '/programs/logs.php';
        $process = proc_open([PHP_BINARY, $program], [['file', '/dev/null', 'r'], ['pipe', 'w'], ['pipe', 'w']], $pipes);
        self::assertSame('Spikard\Log', stream_get_contents($pipes[1]));
        $line = json_decode(trim(stream_get_contents($pipes[2])), true);
        self::assertSame(0, proc_close($process));
        self::assertSame(['time', 'level', 'event', 'message', 'context'], array_keys($line));
        self::assertSame(['warning', 'app', 'only 3 of bolt are left: soon', ['count' => 3, 'name' => 'bolt', 'why' => 'soon']], array_slice(array_values($line), 1));
    }
}
