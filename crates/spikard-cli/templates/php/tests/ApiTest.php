<?php

declare(strict_types=1);

namespace Service\Tests;

use PHPUnit\Framework\TestCase;
use Service\Api;
use Spikard\TestClient;

/** The app through the test client: the real server code without a socket. */
final class ApiTest extends TestCase
{
    private TestClient $client;

    protected function setUp(): void
    {
        $this->client = new TestClient(Api::app());
    }

    public function testGreetsSomeone(): void
    {
        self::assertSame(['message' => 'hello Ada'], $this->client->get('/hello/Ada')->json());
    }

    public function testTakesAnOrder(): void
    {
        $answer = $this->client->post('/orders', json: ['sku' => 'BLT-0001', 'quantity' => 3]);
        self::assertSame(201, $answer->status);
        self::assertSame(['sku' => 'BLT-0001', 'quantity' => 3, 'totalCents' => 750], $answer->json());
    }

    public function testRefusesAWrongOrderWithEveryReason(): void
    {
        $answer = $this->client->post('/orders', json: ['sku' => 'bolt', 'quantity' => 0]);
        self::assertSame(422, $answer->status);
        self::assertSame(['/sku', '/quantity'], array_column($answer->json()['errors'], 'pointer'));
    }
}
