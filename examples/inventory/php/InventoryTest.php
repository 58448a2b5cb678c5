<?php

/** The app through the test client: each test has a database of its own. */

declare(strict_types=1);

namespace Inventory\Tests;

use PHPUnit\Framework\TestCase;
use Spikard\TestClient;

use function Inventory\inventory;

require_once __DIR__ . '/inventory.php';

final class InventoryTest extends TestCase
{
    private const BOLT = ['sku' => 'BLT-0001', 'name' => 'Bolt M6', 'price' => 0.25, 'quantity' => 400, 'tags' => ['metal']];
    private const NUT = ['sku' => 'NUT-0001', 'name' => 'Nut M6', 'price' => 0.1, 'quantity' => 900, 'tags' => ['metal', 'small']];
    private const GLUE = ['sku' => 'GLU-0001', 'name' => 'Glue', 'price' => 7, 'quantity' => 3];

    private TestClient $client;

    protected function setUp(): void
    {
        $this->client = new TestClient(inventory(':memory:'));
    }

    public function testCreateThenShow(): void
    {
        $created = $this->client->post('/items', json: self::BOLT);
        self::assertSame([201, '/items/1', '"1"'], [$created->status, $created->header('location'), $created->header('etag')]);
        $shown = $this->client->get('/items/1');
        self::assertSame(['id' => 1] + self::BOLT, $shown->json());
        self::assertSame($created->json(), $shown->json());
        self::assertSame('"1"', $shown->header('etag'));
    }

    public function testTagsAreOptional(): void
    {
        self::assertSame([], $this->client->post('/items', json: self::GLUE)->json()['tags']);
    }

    /** @dataProvider searches */
    public function testSearch(array $query, array $ids, int $total): void
    {
        foreach ([self::BOLT, self::NUT, self::GLUE] as $item) {
            self::assertSame(201, $this->client->post('/items', json: $item)->status);
        }
        $page = $this->client->get('/items', query: $query)->json();
        self::assertSame([$ids, $total], [array_column($page['items'], 'id'), $page['total']]);
    }

    public function searches(): array
    {
        return [
            [[], [1, 2, 3], 3],
            [['tag' => 'metal'], [1, 2], 2],
            [['max_price' => 0.2], [2], 1],
            [['tag' => 'metal', 'max_price' => 0.2], [2], 1],
            [['limit' => 1, 'offset' => 1], [2], 3],
            [['tag' => 'wood'], [], 0],
        ];
    }

    /** @dataProvider wrong */
    public function testWhatIsNotAnItem(array $change, string $pointer, string $keyword): void
    {
        $answer = $this->client->post('/items', json: $change + self::BOLT);
        $errors = array_map(fn (array $error): array => [$error['pointer'], $error['keyword']], $answer->json()['errors']);
        self::assertSame([422, [[$pointer, $keyword]]], [$answer->status, $errors]);
        self::assertSame(0, $this->client->get('/items')->json()['total']);
    }

    public function wrong(): array
    {
        return [
            [['sku' => 'bolt'], '/sku', 'pattern'],
            [['name' => ''], '/name', 'minLength'],
            [['price' => -1], '/price', 'minimum'],
            [['quantity' => 1.5], '/quantity', 'type'],
            [['quantity' => PHP_INT_MAX], '/quantity', 'maximum'],
            [['tags' => ['a', 1]], '/tags/1', 'type'],
        ];
    }

    public function testLimitsOfAPage(): void
    {
        $answer = $this->client->get('/items', query: ['limit' => 101, 'offset' => -1]);
        self::assertSame(['/limit', '/offset'], array_column($answer->json()['errors'], 'pointer'));
    }

    public function testNumbersThatNoDatabaseHolds(): void
    {
        foreach (['/items/0', '/items/9223372036854775808', '/items/1' . str_repeat('0', 4000), '/items?offset=18446744073709551616'] as $target) {
            self::assertSame(422, $this->client->get($target)->status, $target);
        }
    }

    public function testASkuBelongsToOneItem(): void
    {
        $this->client->post('/items', json: self::BOLT);
        $answer = $this->client->post('/items', json: self::BOLT);
        self::assertSame([409, 'conflict'], [$answer->status, $answer->json()['code']]);
    }

    public function testReplaceOnlyWhatWasSeen(): void
    {
        $this->client->post('/items', json: self::BOLT);
        $replaced = $this->client->put('/items/1', json: self::NUT, headers: ['if-match' => '"1"']);
        self::assertSame([['id' => 1] + self::NUT, '"2"'], [$replaced->json(), $replaced->header('etag')]);
        $stale = $this->client->put('/items/1', json: self::BOLT, headers: ['if-match' => '"1"']);
        self::assertSame([412, 'the item has changed: its etag is "2"'], [$stale->status, $stale->json()['detail']]);
        $blind = $this->client->put('/items/1', json: self::BOLT);
        self::assertSame([412, 'send if-match with the etag of the item'], [$blind->status, $blind->json()['detail']]);
        self::assertSame('NUT-0001', $this->client->get('/items/1')->json()['sku']);
    }

    public function testRemove(): void
    {
        $this->client->post('/items', json: self::BOLT);
        self::assertSame(412, $this->client->delete('/items/1')->status);
        $removed = $this->client->delete('/items/1', headers: ['if-match' => '"1"']);
        self::assertSame([204, ''], [$removed->status, $removed->body]);
        $gone = $this->client->get('/items/1');
        self::assertSame([404, 'no item 1'], [$gone->status, $gone->json()['detail']]);
    }

    public function testUnknownItems(): void
    {
        foreach (['GET' => null, 'PUT' => self::BOLT, 'DELETE' => null] as $method => $json) {
            $answer = $this->client->request($method, '/items/7', headers: ['if-match' => '"1"'], json: $json);
            self::assertSame('not-found', $answer->json()['code']);
        }
    }

    public function testEveryLanguageServesTheSameDocument(): void
    {
        $document = (string) file_get_contents(__DIR__ . '/../contract.openapi.json');
        self::assertSame(trim($document), $this->client->get('/openapi.json')->body);
    }
}
