"""The benchmark's app in FastAPI, with Pydantic as its users write it."""

import asyncio
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel, Field

app = FastAPI()


class Item(BaseModel):
    sku: Annotated[str, Field(pattern=r"^[A-Z]{3}-[0-9]{4}$")]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    description: str
    price: Annotated[float, Field(ge=0)]
    quantity: Annotated[int, Field(ge=0, le=1_000_000)]
    tags: list[str]


@app.get("/json")
async def json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/json-async")
async def json_async() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/users/{id}/posts/{slug}")
async def params(
    id: int, slug: str, tag: Annotated[list[str], Query()], limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> dict[str, int | str | list[str]]:
    return {"id": id, "slug": slug, "limit": limit, "tags": tag}


@app.post("/items", status_code=201)
async def create(item: Item) -> Item:
    return item


@app.get("/wait")
async def wait() -> dict[str, bool]:
    await asyncio.sleep(0.001)
    return {"ok": True}
