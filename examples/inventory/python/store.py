"""Items in SQLite: finds, adds, changes. Knows nothing of HTTP."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec

from spikard import Meta

Sku = Annotated[str, Meta(pattern=r"^[A-Z]{3}-[0-9]{4}$")]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Price = Annotated[float, Meta(ge=0)]
Quantity = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Item(msgspec.Struct):
    """An item in stock."""

    id: int
    sku: Sku
    name: Name
    price: Price
    quantity: Quantity
    tags: list[str]


class ItemInput(msgspec.Struct):
    """What a client may set of an item."""

    sku: Sku
    name: Name
    price: Price
    quantity: Quantity
    tags: list[str] = []


class Page(msgspec.Struct):
    """A page of items."""

    items: list[Item]
    total: int
    limit: int
    offset: int


class SkuTaken(Exception):
    """Another item has this sku."""


SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    version INTEGER NOT NULL DEFAULT 1,
    sku TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    price REAL NOT NULL,
    quantity INTEGER NOT NULL,
    tags TEXT NOT NULL
)
"""
COLUMNS = "id, version, sku, name, price, quantity, tags"
WHERE = """
WHERE (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(items.tags) WHERE value = :tag))
  AND (:max_price IS NULL OR price <= :max_price)
"""

Row = tuple[int, int, str, str, float, int, str]


class Store:
    """The items of one database file; `:memory:` for one that is gone when closed."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute(SCHEMA)

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is done within is done at once, whichever worker writes too; nothing of it, when it raises."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield

    def search(self, tag: str | None, max_price: float | None, limit: int, offset: int) -> Page:
        """Items with a tag and up to a price, in order of their id."""
        filters = {"tag": tag, "max_price": max_price, "limit": limit, "offset": offset}
        (total,) = self._db.execute(f"SELECT count(*) FROM items {WHERE}", filters).fetchone()
        rows = self._db.execute(f"SELECT {COLUMNS} FROM items {WHERE} ORDER BY id LIMIT :limit OFFSET :offset", filters)
        return Page([item(row) for row in rows], total, limit, offset)

    def find(self, id: int) -> tuple[Item, int] | None:
        """An item and its version."""
        row = self._db.execute(f"SELECT {COLUMNS} FROM items WHERE id = ?", (id,)).fetchone()
        return None if row is None else (item(row), row[1])

    def add(self, given: ItemInput) -> Item:
        """A new item, version 1. Raises SkuTaken."""
        row = self._write(
            f"INSERT INTO items (sku, name, price, quantity, tags) VALUES (?, ?, ?, ?, ?) RETURNING {COLUMNS}",
            columns(given),
        )
        return item(row)

    def replace(self, id: int, given: ItemInput) -> tuple[Item, int]:
        """The item as it is now, with its new version. Raises SkuTaken."""
        row = self._write(
            "UPDATE items SET version = version + 1, sku = ?, name = ?, price = ?, quantity = ?, tags = ? "
            f"WHERE id = ? RETURNING {COLUMNS}",
            (*columns(given), id),
        )
        return item(row), row[1]

    def remove(self, id: int) -> None:
        """Forgets an item."""
        self._db.execute("DELETE FROM items WHERE id = ?", (id,))

    def _write(self, statement: str, values: tuple[object, ...]) -> Row:
        try:
            row: Row = self._db.execute(statement, values).fetchone()
        except sqlite3.IntegrityError:
            raise SkuTaken from None
        return row


def item(row: Row) -> Item:
    """A row as the API shows it."""
    id, _, sku, name, price, quantity, tags = row
    return Item(id, sku, name, price, quantity, json.loads(tags))


def columns(given: ItemInput) -> tuple[object, ...]:
    """What a client sets, as columns."""
    return given.sku, given.name, given.price, given.quantity, json.dumps(given.tags)
