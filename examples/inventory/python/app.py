"""Inventory: items with filters, paging, validation and optimistic concurrency by ETag. `spikard run app.py`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from store import Item, ItemInput, Page, SkuTaken, Store

from spikard import Conflict, Header, NotFound, Path, PreconditionFailed, Query, Response, Router, Spikard


@asynccontextmanager
async def lifespan(app: Spikard) -> AsyncIterator[None]:
    app.state.store = Store(os.environ.get("INVENTORY_DB", "inventory.sqlite"))
    yield
    app.state.store.close()


app = Spikard(title="Inventory", version="1.0.0", lifespan=lifespan)
items = Router(prefix="/items", tags=["items"])

Id = Annotated[int, Path(ge=1, le=1_000_000_000)]
IfMatch = Annotated[str | None, Header()]


@items.get("/")
def search(
    tag: str | None = None,
    max_price: Annotated[float, Query(ge=0)] | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
) -> Page:
    """Items, in order of their id."""
    return store().search(tag, max_price, limit, offset)


@items.post("/", status=201)
def create(item: ItemInput) -> Response[Item]:
    """Add an item."""
    try:
        added = store().add(item)
    except SkuTaken:
        raise taken(item) from None
    return Response(added, status=201, headers={"etag": etag(1), "location": f"/items/{added.id}"})


@items.get("/{id}")
def show(id: Id) -> Response[Item]:
    """One item."""
    found, version = known(id)
    return Response(found, headers={"etag": etag(version)})


@items.put("/{id}")
def replace(id: Id, item: ItemInput, if_match: IfMatch = None) -> Response[Item]:
    """Replace an item that nobody changed meanwhile."""
    try:
        with store().transaction():
            unchanged(id, if_match)
            replaced, version = store().replace(id, item)
    except SkuTaken:
        raise taken(item) from None
    return Response(replaced, headers={"etag": etag(version)})


@items.delete("/{id}")
def remove(id: Id, if_match: IfMatch = None) -> None:
    """Remove an item that nobody changed meanwhile."""
    with store().transaction():
        unchanged(id, if_match)
        store().remove(id)


app.include(items)


def store() -> Store:
    opened: Store = app.state.store
    return opened


def known(id: int) -> tuple[Item, int]:
    """An item and its version, or the answer 404."""
    found = store().find(id)
    if found is None:
        raise NotFound(f"no item {id}")
    return found


def unchanged(id: int, if_match: str | None) -> None:
    """Answers 412 unless the client has seen the item as it is now."""
    _, version = known(id)
    if if_match is None:
        raise PreconditionFailed("send if-match with the etag of the item")
    if if_match not in ("*", etag(version)):
        raise PreconditionFailed(f"the item has changed: its etag is {etag(version)}")


def taken(item: ItemInput) -> Conflict:
    return Conflict(f"another item has the sku {item.sku}")


def etag(version: int) -> str:
    return f'"{version}"'


if __name__ == "__main__":
    app.run()
