/** Items in SQLite: finds, adds, changes. Knows nothing of HTTP. */

import { z } from "zod";
import { open, type Database } from "./database.ts";

const given = {
  sku: z.string().regex(/^[A-Z]{3}-[0-9]{4}$/),
  name: z.string().min(1).max(100),
  price: z.number().min(0),
  quantity: z.int().min(0).max(1_000_000_000),
};

export const Item = z
  .object({ id: z.int(), ...given, tags: z.array(z.string()) })
  .meta({ id: "Item", description: "An item in stock." });
export type Item = z.infer<typeof Item>;

export const ItemInput = z
  .object({ ...given, tags: z.array(z.string()).default([]) })
  .meta({ id: "ItemInput", description: "What a client may set of an item." });
export type ItemInput = z.infer<typeof ItemInput>;

export const Page = z
  .object({ items: z.array(Item), total: z.int(), limit: z.int(), offset: z.int() })
  .meta({ id: "Page", description: "A page of items." });
export type Page = z.infer<typeof Page>;

/** What `search` looks for. */
export interface Filter {
  readonly tag?: string | undefined;
  readonly max_price?: number | undefined;
  readonly limit: number;
  readonly offset: number;
}

/** Another item has this sku. */
export class SkuTaken extends Error {}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    version INTEGER NOT NULL DEFAULT 1,
    sku TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    price REAL NOT NULL,
    quantity INTEGER NOT NULL,
    tags TEXT NOT NULL
)`;
const COLUMNS = "id, version, sku, name, price, quantity, tags";
const WHERE = `
WHERE (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(items.tags) WHERE value = :tag))
  AND (:max_price IS NULL OR price <= :max_price)`;

interface Row {
  readonly id: number;
  readonly version: number;
  readonly sku: string;
  readonly name: string;
  readonly price: number;
  readonly quantity: number;
  readonly tags: string;
}

/** The items of one database file; `:memory:` for one that is gone when closed. */
export class Store {
  readonly #db: Database;

  constructor(path: string) {
    this.#db = open(path);
    this.#db.exec(SCHEMA);
  }

  close(): void {
    this.#db.close();
  }

  /** What is done within is done at once, whichever worker writes too; nothing of it, when it throws. */
  transaction<T>(within: () => T): T {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = within();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** Items with a tag and up to a price, in order of their id. */
  search({ tag, max_price, limit, offset }: Filter): Page {
    const filters = { ":tag": tag ?? null, ":max_price": max_price ?? null };
    const counted = this.#db.get(`SELECT count(*) AS total FROM items ${WHERE}`, filters) as { total: number };
    const rows = this.#db.all(`SELECT ${COLUMNS} FROM items ${WHERE} ORDER BY id LIMIT :limit OFFSET :offset`, {
      ...filters, ":limit": limit, ":offset": offset,
    });
    return { items: rows.map((row) => item(row as Row)), total: counted.total, limit, offset };
  }

  /** An item and its version. */
  find(id: number): [Item, number] | undefined {
    const row = this.#db.get(`SELECT ${COLUMNS} FROM items WHERE id = ?`, [id]) as Row | null;
    return row === null ? undefined : [item(row), row.version];
  }

  /** A new item, version 1. Throws SkuTaken. */
  add(input: ItemInput): Item {
    const places = "INSERT INTO items (sku, name, price, quantity, tags) VALUES (?, ?, ?, ?, ?)";
    return item(this.#write(`${places} RETURNING ${COLUMNS}`, columns(input)));
  }

  /** The item as it is now, with its new version. Throws SkuTaken. */
  replace(id: number, input: ItemInput): [Item, number] {
    const sets = "UPDATE items SET version = version + 1, sku = ?, name = ?, price = ?, quantity = ?, tags = ?";
    const row = this.#write(`${sets} WHERE id = ? RETURNING ${COLUMNS}`, [...columns(input), id]);
    return [item(row), row.version];
  }

  /** Forgets an item. */
  remove(id: number): void {
    this.#db.get("DELETE FROM items WHERE id = ?", [id]);
  }

  #write(statement: string, values: (string | number)[]): Row {
    try {
      return this.#db.get(statement, values) as Row;
    } catch (error) {
      if (error instanceof Error && error.message.startsWith("UNIQUE constraint")) throw new SkuTaken();
      throw error;
    }
  }
}

/** A row as the API shows it. */
function item({ id, sku, name, price, quantity, tags }: Row): Item {
  return { id, sku, name, price, quantity, tags: JSON.parse(tags) as string[] };
}

/** What a client sets, as columns. */
function columns({ sku, name, price, quantity, tags }: ItemInput): (string | number)[] {
  return [sku, name, price, quantity, JSON.stringify(tags)];
}
