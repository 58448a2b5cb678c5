"""What a client does with an inventory, step by step, and everything that it sees. Judges nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

from alike.service import Service
from alike.sight import Sight

BOLT = {"sku": "BLT-0001", "name": "Bolt M6", "price": 0.25, "quantity": 400, "tags": ["metal", "größe 6/8"]}
NUT = {"sku": "NUT-0001", "name": "Nut “M6”", "price": 7, "quantity": 900, "tags": ["metal", "small"]}
GLUE = {"sku": "GLU-0001", "name": "Glue </b>\u2028", "price": 1e-7, "quantity": 3}
SEEN, SEEN_TWICE, ANY = '"1"', '"2"', "*"

Step = tuple[str, str, dict[str, str], Any]
STEPS: list[Step] = [
    ("GET", "/items", {}, None),
    *(("POST", "/items", {}, item) for item in (BOLT, NUT, GLUE)),
    ("POST", "/items", {}, BOLT),  # the sku is taken
    ("POST", "/items", {}, BOLT | {"sku": "bolt", "name": "", "price": -1, "quantity": 1.5, "tags": ["a", 1]}),
    ("POST", "/items", {}, {}),
    ("POST", "/items", {}, []),
    ("POST", "/items", {"content-type": "text/plain"}, BOLT),
    ("POST", "/items", {"content-type": "application/json; charset=latin1"}, BOLT),
    *(("GET", f"/items/{id}", {}, None) for id in ("1", "2", "3", "4", "0", "01", "x", "1e0", str(10**30))),
    *(("HEAD", f"/items/{id}", {}, None) for id in ("1", "4")),
    ("GET", "/items?tag=metal&limit=1&offset=1", {}, None),
    ("GET", "/items?tag=gr%C3%B6%C3%9Fe+6%2F8&max_price=0.25", {}, None),
    ("GET", "/items?max_price=1e-7", {}, None),
    ("GET", "/items?limit=101&offset=-1&max_price=x&limit=2", {}, None),
    ("GET", "/items?limit=", {}, None),
    ("PUT", "/items/1", {"if-match": SEEN}, NUT),  # the sku is taken
    ("PUT", "/items/1", {"if-match": SEEN}, BOLT | {"quantity": 399}),
    ("PUT", "/items/1", {"if-match": SEEN}, BOLT),  # somebody changed it
    ("PUT", "/items/1", {}, BOLT),
    ("PUT", "/items/1", {"if-match": ANY}, BOLT | {"price": 1e21}),
    ("PUT", "/items/9", {"if-match": SEEN}, BOLT),
    ("DELETE", "/items/2", {}, None),
    ("DELETE", "/items/2", {"if-match": SEEN_TWICE}, None),
    ("DELETE", "/items/2", {"if-match": SEEN}, None),
    ("DELETE", "/items/2", {"if-match": SEEN}, None),
    ("POST", "/items", {}, NUT | {"name": "Nut again"}),  # no id is used twice
    ("DELETE", "/items/4", {"if-match": SEEN}, None),
    ("POST", "/items", {}, NUT | {"name": "And again"}),
    ("GET", "/items", {}, None),
    ("PATCH", "/items/1", {}, BOLT),
    ("OPTIONS", "/items/1", {}, None),
    ("BREW", "/items/1", {}, None),
    *(("GET", path, {}, None) for path in ("/", "/items/", "/health/live", "/health/ready", "/openapi.json", "/docs")),
]


def request(headers: dict[str, str], body: Any) -> bytes:
    """All of a request that follows its first line."""
    content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    fields = {"host": "alike.test", "connection": "close"} | headers
    if body is not None:
        fields = {"content-type": "application/json", "content-length": str(len(content))} | fields
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return head.encode() + b"\r\n" + content


def tell(service: Service, turn: int = 0) -> Iterator[tuple[str, Sight]]:
    """
    Every step and what came of it, on a service whose database is empty. Each step is another worker's: the first
    is that of number `turn`.
    """
    workers = islice(cycle(service.languages), turn, None)
    for (method, target, headers, body), language in zip(STEPS, workers, strict=False):
        exchange = service.ask(language, method, target, request(headers, body))
        yield f"{method} {target}", Sight.of(exchange)
