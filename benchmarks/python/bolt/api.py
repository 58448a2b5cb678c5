"""The benchmark's app in django-bolt."""

import asyncio
import os
from typing import Annotated

import msgspec
from contract import Item
from django_bolt import BoltAPI, CompressionConfig
from django_bolt.auth import IsAuthenticated, JWTAuthentication
from django_bolt.param_functions import Query

# What the guarded server has beside the other one; requests get their identity from nobody here.
api = BoltAPI(compression=CompressionConfig()) if "BENCHMARK_GUARDED" in os.environ else BoltAPI(compression=False)
urlpatterns: list[object] = []


@api.get("/json")
async def json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@api.get("/json-async")
async def json_async() -> dict[str, str]:
    return {"message": "Hello, World!"}


@api.get("/users/{id}/posts/{slug}")
async def params(
    id: int, slug: str, tag: Annotated[list[str], Query()], limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> dict[str, int | str | list[str]]:
    return {"id": id, "slug": slug, "limit": limit, "tags": tag}


@api.post("/items", status_code=201)
async def create(item: Item) -> Item:
    return item


@api.get("/wait")
async def wait() -> dict[str, bool]:
    await asyncio.sleep(0.001)
    return {"ok": True}


class Post(msgspec.Struct):
    id: int
    slug: str
    limit: int
    tags: list[str]


@api.get(
    "/list",
    auth=[JWTAuthentication(secret="only for the benchmark: 32 bytes or more", audience="benchmark")],
    guards=[IsAuthenticated()],
)
async def posts() -> list[Post]:
    return [Post(number, "oak-table", 5, ["a", "b"]) for number in range(32)]
