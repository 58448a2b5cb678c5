<?php

declare(strict_types=1);

namespace Spikard\Tests\Limits;

use PHPUnit\Framework\TestCase;
use Spikard\{App, Concurrency, DefinitionError, Get, Group, RateLimit, TestClient, TestResponse};
use Spikard\Tests\Server;

const HOUR = 3_600_000;

#[Group('/busy', rateLimit: [])]
#[RateLimit(1, HOUR, by: 'header', header: 'x-client'), RateLimit(2, HOUR, by: 'all', name: 'house')]
final class Busy
{
    #[Get('/a')]
    public function a(): string
    {
        return 'a';
    }

    #[Get('/b')]
    public function b(): string
    {
        return 'b';
    }

    #[Get('/own'), RateLimit(1, HOUR)]
    public function own(): string
    {
        return 'own';
    }

    #[Get('/free', rateLimit: [])]
    public function free(): string
    {
        return 'free';
    }
}

#[Concurrency(1), Concurrency(2)]
final class Mistaken
{
    #[Get('/'), RateLimit('much', 1)]
    public function one(): string
    {
        return 'one';
    }
}

/** Options and attributes of rates and crowds do what they say; what the core counts is in the fixtures. */
final class LimitsTest extends TestCase
{
    public function testAttributesOfAControllerCountItsRoutesTogether(): void
    {
        $client = new TestClient((new App())->controller(Busy::class));
        $ask = static fn (string $path, string $who): TestResponse => $client->get($path, headers: ['x-client' => $who]);
        $first = $ask('/busy/a', 'ada');
        self::assertSame(['a', '"default";q=1;w=3600, "house";q=2;w=3600'], [$first->body, $first->header('ratelimit-policy')]);
        self::assertSame([429, 200, 429], [$ask('/busy/b', 'ada')->status, $ask('/busy/b', 'bob')->status, $ask('/busy/a', 'eve')->status]);
        self::assertNotNull($ask('/busy/a', 'eve')->header('retry-after'));
        self::assertSame([200, 429], [$ask('/busy/own', 'ada')->status, $ask('/busy/own', 'bob')->status], 'by address, of its own');
        self::assertSame([200, 200, 200], array_map(static fn () => $ask('/busy/free', 'ada')->status, range(1, 3)));
    }

    public function testOptionsOfAppGroupAndRouteSayIt(): void
    {
        $app = new App(rateLimit: new RateLimit(3, HOUR, by: 'all', name: 'day'));
        $app->get('/', static fn (): int => 1);
        $app->get('/once', static fn (): int => 1, rateLimit: new RateLimit(1, HOUR));
        $app->group('/few', rateLimit: [new RateLimit(2, HOUR)])->get('/', static fn (): int => 1);
        $client = new TestClient($app);
        self::assertSame('"day";r=2;t=1200', $client->get('/')->header('ratelimit'));
        self::assertSame([200, 429], [$client->get('/once')->status, $client->get('/once')->status]);
        self::assertSame([200, 200, 429], array_map(static fn () => $client->get('/few')->status, range(1, 3)));
        self::assertSame([200, 200, 429], array_map(static fn () => $client->get('/')->status, range(1, 3)));
    }

    public function testNoMoreAreLetInAtOnce(): void
    {
        $server = new Server('narrow.php');
        $inside = [];
        foreach (['/all' => 'all', '/narrow/one' => 'one', '/narrow/pair/ada' => 'ada', '/narrow/pair/bob' => 'bob'] as $path => $name) {
            $inside[$name] = $server->open($path);
            $server->waitFor("{$name} is in");
        }
        foreach (['/refused', '/narrow/other', '/narrow/pair/eve'] as $path) {
            self::assertSame('503 unavailable', $server->get($path), $path);
        }
        self::assertSame(['200 free', '200 true'], [$server->get('/narrow/free'), $server->get('/release')]);
        foreach ($inside as $name => $socket) {
            self::assertSame("200 {$name}", Server::read($socket));
        }
        self::assertSame(0, $server->end(SIGTERM));
    }

    public function testWhatIsNoLimitIsTold(): void
    {
        $app = new App(rateLimit: [100]);
        $app->get('/', static fn (): int => 1, concurrency: '4');
        $app->get('/never', static fn (): int => 1, rateLimit: new RateLimit(0, HOUR));
        $app->controller(Mistaken::class);
        try {
            $app->freeze();
            self::fail('this is no definition');
        } catch (DefinitionError $error) {
            foreach ([
                'rateLimit takes new RateLimit(requests, windowMs), or a list of them, not int',
                'GET /: concurrency takes a number of requests, not string',
                'Mistaken: Attribute "Spikard\Concurrency" must not be repeated',
                'Mistaken::one: Spikard\RateLimit::__construct(): Argument #1 ($requests) must be of type int, string given',
            ] as $told) {
                self::assertStringContainsString($told, $error->getMessage());
            }
        }
    }
}
