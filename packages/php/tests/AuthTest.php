<?php

declare(strict_types=1);

namespace Spikard\Tests\Auth;

use PHPUnit\Framework\TestCase;
use Spikard\{Anyone, ApiKey, App, Basic, Bearer, DefinitionError, Get, Request, TestClient};

use function Spikard\sleep;

const SECRET = 'a secret of thirty-two bytes or more';

#[Bearer(secret: SECRET)]
final class Vault
{
    /** @return list<mixed> */
    #[Get('/me')]
    public function me(Request $request): array
    {
        $before = $request->principal();
        sleep(0.001);
        $after = $request->principal();
        return [$before == $after, $after?->scheme, $after?->subject, $after?->scopes, $after?->claims['team'] ?? null];
    }

    #[Get('/all'), Bearer(secret: SECRET), Anyone]
    public function all(Request $request): string
    {
        return $request->principal()?->subject ?? 'nobody';
    }

    #[Get('/till'), ApiKey(['0123456789abcdef' => 'till 7'])]
    public function till(Request $request): string
    {
        return "{$request->principal()?->scheme} {$request->principal()?->subject}";
    }

    #[Get('/sealed'), Bearer(secret: SECRET, scopes: ['open'])]
    public function sealed(): string
    {
        return 'open';
    }
}

final class AuthTest extends TestCase
{
    public function testAttributesSayWhoIsLetIn(): void
    {
        $client = new TestClient((new App())->controller(Vault::class));
        self::assertSame(401, $client->get('/me')->status);
        self::assertStringStartsWith('Bearer realm=', (string) $client->get('/me')->header('www-authenticate'));
        self::assertSame([true, 'bearer', 'ada', ['read'], 'red'], $client->get('/me', headers: self::token())->json());
        self::assertSame(['nobody', 'ada'], [$client->get('/all')->body, $client->get('/all', headers: self::token())->body]);
        self::assertSame(401, $client->get('/all', headers: ['authorization' => 'Bearer nonsense'])->status);
        self::assertSame(401, $client->get('/till', headers: self::token())->status);
        self::assertSame('apiKey till 7', $client->get('/till', headers: ['x-api-key' => '0123456789abcdef'])->body);
        self::assertSame([403, 200], [$client->get('/sealed', headers: self::token())->status, $client->get('/sealed', headers: self::token('open'))->status]);
    }

    public function testOptionsOfAppGroupAndRouteSayIt(): void
    {
        $app = new App(auth: new Basic(['ada' => 'countess of code']));
        $app->onRequest(static fn (Request $request) => null);
        $app->get('/me', static fn (Request $request): string => (string) $request->principal()?->subject);
        $app->get('/open', static fn (): string => 'open', auth: []);
        $app->group('/keys', auth: [new ApiKey(['0123456789abcdef' => ['subject' => 'till', 'scopes' => ['sell']]], query: 'key', scopes: ['sell'])])
            ->get('/me', static fn (Request $request): string => implode(' ', (array) $request->principal()?->scopes));
        $client = new TestClient($app);
        self::assertSame(401, $client->get('/me')->status);
        self::assertSame('ada', $client->get('/me', headers: ['authorization' => 'Basic ' . base64_encode('ada:countess of code')])->body);
        self::assertSame('open', $client->get('/open')->body);
        self::assertSame([401, 'sell'], [$client->get('/keys/me')->status, $client->get('/keys/me?key=0123456789abcdef')->body]);
    }

    public function testWhatIsNoWayIsTold(): void
    {
        $app = new App();
        $app->get('/', fn (): int => 1, auth: 'bearer');
        $this->expectException(DefinitionError::class);
        $this->expectExceptionMessage('GET /: auth takes new Bearer(…), ApiKey, Basic or Anyone, or a list of them, not string');
        $app->freeze();
    }

    public function testAKeyStandsInOnePlace(): void
    {
        $this->expectException(\ValueError::class);
        new ApiKey(['0123456789abcdef' => 'till'], header: 'x', query: 'y');
    }

    /** @return array<string, string> */
    private static function token(string $scope = 'read'): array
    {
        $part = static fn (string $bytes): string => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
        $signed = $part('{"alg":"HS256"}') . '.' . $part((string) json_encode(['sub' => 'ada', 'scope' => $scope, 'team' => 'red', 'exp' => 4102444800]));
        return ['authorization' => "Bearer {$signed}." . $part(hash_hmac('sha256', $signed, SECRET, true))];
    }
}
