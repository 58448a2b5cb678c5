<?php

/** Inventory: items with filters, paging, validation and optimistic concurrency by ETag. */

declare(strict_types=1);

namespace Inventory;

use Spikard\{App, Conflict, Delete, Get, Group, Header, NotFound, Path, Post, PreconditionFailed, Put, Query, Response};

require_once __DIR__ . '/store.php';

#[Group('/items', tags: ['items'])]
final readonly class Items
{
    public function __construct(private Store $store)
    {
    }

    /** Items, in order of their id. */
    #[Get('/')]
    public function search(
        ?string $tag = null,
        #[Query(name: 'max_price', minimum: 0)] ?float $maxPrice = null,
        #[Query(minimum: 1, maximum: 100)] int $limit = 20,
        #[Query(minimum: 0, maximum: 1_000_000_000)] int $offset = 0,
    ): Page {
        return $this->store->search($tag, $maxPrice, $limit, $offset);
    }

    /**
     * Add an item.
     *
     * @return Response<Item>
     */
    #[Post('/', status: 201)]
    public function create(ItemInput $item): Response
    {
        try {
            $added = $this->store->add($item);
        } catch (SkuTaken) {
            throw self::taken($item);
        }
        return Response::json($added, status: 201, headers: ['etag' => self::etag(1), 'location' => "/items/{$added->id}"]);
    }

    /**
     * One item.
     *
     * @return Response<Item>
     */
    #[Get('/{id}')]
    public function show(#[Path(minimum: 1, maximum: 1_000_000_000)] int $id): Response
    {
        [$found, $version] = $this->known($id);
        return Response::json($found, headers: ['etag' => self::etag($version)]);
    }

    /**
     * Replace an item that nobody changed meanwhile.
     *
     * @return Response<Item>
     */
    #[Put('/{id}')]
    public function replace(
        #[Path(minimum: 1, maximum: 1_000_000_000)] int $id,
        ItemInput $item,
        #[Header] ?string $ifMatch = null,
    ): Response {
        try {
            [$replaced, $version] = $this->store->transaction(function () use ($id, $item, $ifMatch): array {
                $this->unchanged($id, $ifMatch);
                return $this->store->replace($id, $item);
            });
        } catch (SkuTaken) {
            throw self::taken($item);
        }
        return Response::json($replaced, headers: ['etag' => self::etag($version)]);
    }

    /** Remove an item that nobody changed meanwhile. */
    #[Delete('/{id}')]
    public function remove(#[Path(minimum: 1, maximum: 1_000_000_000)] int $id, #[Header] ?string $ifMatch = null): void
    {
        $this->store->transaction(function () use ($id, $ifMatch): void {
            $this->unchanged($id, $ifMatch);
            $this->store->remove($id);
        });
    }

    /**
     * An item and its version, or the answer 404.
     *
     * @return array{Item, int}
     */
    private function known(int $id): array
    {
        return $this->store->find($id) ?? throw NotFound::because("no item {$id}");
    }

    /** Answers 412 unless the client has seen the item as it is now. */
    private function unchanged(int $id, ?string $ifMatch): void
    {
        $etag = self::etag($this->known($id)[1]);
        if ($ifMatch === null) {
            throw PreconditionFailed::because('send if-match with the etag of the item');
        }
        if ($ifMatch !== '*' && $ifMatch !== $etag) {
            throw PreconditionFailed::because("the item has changed: its etag is {$etag}");
        }
    }

    private static function taken(ItemInput $item): Conflict
    {
        return Conflict::because("another item has the sku {$item->sku}");
    }

    private static function etag(int $version): string
    {
        return "\"{$version}\"";
    }
}

/** The app on a database file. */
function inventory(string $database): App
{
    $app = new App(title: 'Inventory', version: '1.0.0');
    $app->provide(Store::class, static fn (): Store => new Store($database));
    $app->controller(Items::class);
    return $app;
}
