"""The benchmark's app in django-bolt."""

import asyncio
from typing import Annotated

from contract import Item
from django_bolt import BoltAPI
from django_bolt.param_functions import Query

api = BoltAPI()
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
