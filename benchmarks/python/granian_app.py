"""The benchmark's app on granian's RSGI, with routing and parsing written by hand: the floor of that server."""

import asyncio
from typing import Any
from urllib.parse import parse_qs

import msgspec
from contract import Item

encode = msgspec.json.Encoder().encode
decode_item = msgspec.json.Decoder(Item).decode
JSON = [("content-type", "application/json")]


async def app(scope: Any, protocol: Any) -> None:
    path = scope.path
    if path in ("/json", "/json-async"):
        protocol.response_bytes(200, JSON, encode({"message": "Hello, World!"}))
    elif path == "/wait":
        await asyncio.sleep(0.001)
        protocol.response_bytes(200, JSON, encode({"ok": True}))
    elif path == "/items" and scope.method == "POST":
        try:
            item = decode_item(await protocol())
        except msgspec.ValidationError:
            protocol.response_empty(422, [])
            return
        protocol.response_bytes(201, JSON, encode(item))
    else:
        _, _, user, _, slug = path.split("/")
        query = parse_qs(scope.query_string)
        limit = int(query["limit"][0]) if "limit" in query else 20
        if not user.isdigit() or not 1 <= limit <= 100:
            protocol.response_empty(422, [])
            return
        body = encode({"id": int(user), "slug": slug, "limit": limit, "tags": query.get("tag", [])})
        protocol.response_bytes(200, JSON, body)
