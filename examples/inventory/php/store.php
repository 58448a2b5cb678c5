<?php

/** Items in SQLite: finds, adds, changes. Knows nothing of HTTP. */

declare(strict_types=1);

namespace Inventory;

use Spikard\{Length, Maximum, Minimum, Pattern};

/** An item in stock. */
final readonly class Item
{
    /** @param list<string> $tags */
    public function __construct(
        public int $id,
        #[Pattern('^[A-Z]{3}-[0-9]{4}$')] public string $sku,
        #[Length(1, 100)] public string $name,
        #[Minimum(0)] public float $price,
        #[Minimum(0), Maximum(1_000_000_000)] public int $quantity,
        public array $tags,
    ) {
    }
}

/** What a client may set of an item. */
final readonly class ItemInput
{
    /** @param list<string> $tags */
    public function __construct(
        #[Pattern('^[A-Z]{3}-[0-9]{4}$')] public string $sku,
        #[Length(1, 100)] public string $name,
        #[Minimum(0)] public float $price,
        #[Minimum(0), Maximum(1_000_000_000)] public int $quantity,
        public array $tags = [],
    ) {
    }
}

/** A page of items. */
final readonly class Page
{
    /** @param list<Item> $items */
    public function __construct(public array $items, public int $total, public int $limit, public int $offset)
    {
    }
}

/** Another item has this sku. */
final class SkuTaken extends \Exception
{
}

/** The items of one database file; `:memory:` for one that is gone when closed. */
final readonly class Store
{
    private const SCHEMA = '
        CREATE TABLE IF NOT EXISTS items (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            version INTEGER NOT NULL DEFAULT 1,
            sku TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            price REAL NOT NULL,
            quantity INTEGER NOT NULL,
            tags TEXT NOT NULL
        )';
    private const COLUMNS = 'id, version, sku, name, price, quantity, tags';
    private const WHERE = '
        WHERE (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(items.tags) WHERE value = :tag))
          AND (:max_price IS NULL OR price <= CAST(:max_price AS REAL))';

    private \PDO $db;

    public function __construct(string $path)
    {
        $this->db = new \PDO("sqlite:{$path}");
        $this->db->exec(self::SCHEMA);
    }

    /**
     * What is done within is done at once, whichever worker writes too; nothing of it, when it throws.
     *
     * @template T
     * @param \Closure(): T $within
     * @return T
     */
    public function transaction(\Closure $within): mixed
    {
        $this->db->exec('BEGIN IMMEDIATE');
        try {
            $result = $within();
        } catch (\Throwable $error) {
            $this->db->exec('ROLLBACK');
            throw $error;
        }
        $this->db->exec('COMMIT');
        return $result;
    }

    /** Items with a tag and up to a price, in order of their id. */
    public function search(?string $tag, ?float $maxPrice, int $limit, int $offset): Page
    {
        $filters = ['tag' => $tag, 'max_price' => $maxPrice];
        $total = $this->run('SELECT count(*) FROM items ' . self::WHERE, $filters)->fetchColumn();
        $rows = $this->run(
            'SELECT ' . self::COLUMNS . ' FROM items ' . self::WHERE . ' ORDER BY id LIMIT :limit OFFSET :offset',
            $filters + ['limit' => $limit, 'offset' => $offset],
        );
        return new Page(array_map(self::item(...), $rows->fetchAll(\PDO::FETCH_ASSOC)), $total, $limit, $offset);
    }

    /**
     * An item and its version.
     *
     * @return array{Item, int}|null
     */
    public function find(int $id): ?array
    {
        $row = $this->run('SELECT ' . self::COLUMNS . ' FROM items WHERE id = :id', ['id' => $id])->fetch(\PDO::FETCH_ASSOC);
        return $row === false ? null : [self::item($row), $row['version']];
    }

    /** A new item, version 1. Throws SkuTaken. */
    public function add(ItemInput $given): Item
    {
        return self::item($this->write(
            'INSERT INTO items (sku, name, price, quantity, tags) VALUES (:sku, :name, :price, :quantity, :tags)',
            self::columns($given),
        ));
    }

    /**
     * The item as it is now, with its new version. Throws SkuTaken.
     *
     * @return array{Item, int}
     */
    public function replace(int $id, ItemInput $given): array
    {
        $row = $this->write(
            'UPDATE items SET version = version + 1, sku = :sku, name = :name, price = :price, quantity = :quantity, tags = :tags
             WHERE id = :id',
            self::columns($given) + ['id' => $id],
        );
        return [self::item($row), $row['version']];
    }

    /** Forgets an item. */
    public function remove(int $id): void
    {
        $this->run('DELETE FROM items WHERE id = :id', ['id' => $id]);
    }

    /**
     * @param array<string, mixed> $values
     * @return array<string, mixed>
     */
    private function write(string $statement, array $values): array
    {
        try {
            return $this->run("{$statement} RETURNING " . self::COLUMNS, $values)->fetch(\PDO::FETCH_ASSOC);
        } catch (\PDOException $error) {
            throw $error->getCode() === '23000' ? new SkuTaken() : $error;
        }
    }

    /** @param array<string, mixed> $values */
    private function run(string $statement, array $values): \PDOStatement
    {
        $prepared = $this->db->prepare($statement);
        foreach ($values as $name => $value) {
            $prepared->bindValue($name, $value, is_int($value) ? \PDO::PARAM_INT : ($value === null ? \PDO::PARAM_NULL : \PDO::PARAM_STR));
        }
        $prepared->execute();
        return $prepared;
    }

    /**
     * A row as the API shows it.
     *
     * @param array<string, mixed> $row
     */
    private static function item(array $row): Item
    {
        return new Item($row['id'], $row['sku'], $row['name'], $row['price'], $row['quantity'], json_decode($row['tags']));
    }

    /** @return array<string, mixed> */
    private static function columns(ItemInput $given): array
    {
        return ['tags' => json_encode($given->tags)] + get_object_vars($given);
    }
}
