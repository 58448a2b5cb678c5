"""The benchmark's app as a user of Spikard writes it."""

import asyncio
from typing import Annotated

import msgspec
from contract import Item

from spikard import Query, Spikard, bearer

app = Spikard(title="Benchmark", version="1.0.0")


@app.get("/json")
def json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/json-async")
async def json_async() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/users/{id}/posts/{slug}")
def params(
    id: int, slug: str, tag: list[str], limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> dict[str, int | str | list[str]]:
    return {"id": id, "slug": slug, "limit": limit, "tags": tag}


@app.post("/items", status=201)
def create(item: Item) -> Item:
    return item


@app.get("/wait")
async def wait() -> dict[str, bool]:
    await asyncio.sleep(0.001)
    return {"ok": True}


class Post(msgspec.Struct):
    id: int
    slug: str
    limit: int
    tags: list[str]


@app.get("/list", auth=bearer(secret="only for the benchmark: 32 bytes or more", audience="benchmark"))
def posts() -> list[Post]:
    return [Post(number, "oak-table", 5, ["a", "b"]) for number in range(32)]


@app.get("/compute")
def compute() -> int:
    """Some milliseconds of a processor."""
    return sum(number * number for number in range(150_000))
