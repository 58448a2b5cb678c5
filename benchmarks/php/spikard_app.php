<?php

/** The benchmark's app on Spikard, as its users write it. */

declare(strict_types=1);

use Spikard\{App, Items, Length, Maximum, Minimum, Pattern, Query};

use function Spikard\sleep;

require __DIR__ . '/vendor/autoload.php';

final readonly class Item
{
    /** @param list<string> $tags */
    public function __construct(
        #[Pattern('^[A-Z]{3}-[0-9]{4}$')] public string $sku,
        #[Length(1, 100)] public string $name,
        public string $description,
        #[Minimum(0)] public float $price,
        #[Minimum(0), Maximum(1_000_000)] public int $quantity,
        public array $tags,
    ) {
    }
}

$app = new App(title: 'Benchmark', version: '1.0.0');
$app->get('/json', fn (): array => ['message' => 'Hello, World!']);
$app->get('/json-async', fn (): array => ['message' => 'Hello, World!']);
$app->get('/users/{id}/posts/{slug}', fn (
    int $id,
    string $slug,
    #[Query(minimum: 1, maximum: 100)] int $limit = 20,
    #[Items('string')] array $tag = [],
): array => ['id' => $id, 'slug' => $slug, 'limit' => $limit, 'tags' => $tag]);
$app->post('/items', fn (Item $item): Item => $item, status: 201);
$app->get('/wait', function (): array {
    sleep(0.001);
    return ['ok' => true];
});
$app->run();
