"""The app through the test client: each test has a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from app import app
from openapi_spec_validator import validate

from spikard import TestClient

BOLT = {"sku": "BLT-0001", "name": "Bolt M6", "price": 0.25, "quantity": 400, "tags": ["metal"]}
NUT = {"sku": "NUT-0001", "name": "Nut M6", "price": 0.1, "quantity": 900, "tags": ["metal", "small"]}
GLUE = {"sku": "GLU-0001", "name": "Glue", "price": 7, "quantity": 3}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("INVENTORY_DB", ":memory:")
    with TestClient(app) as client:
        yield client


def test_create_then_show(client: TestClient) -> None:
    created = client.post("/items", json=BOLT)
    assert (created.status, created.headers["location"], created.headers["etag"]) == (201, "/items/1", '"1"')
    shown = client.get("/items/1")
    assert shown.json() == created.json() == {"id": 1, **BOLT}
    assert shown.headers["etag"] == '"1"'


def test_tags_are_optional(client: TestClient) -> None:
    assert client.post("/items", json=GLUE).json()["tags"] == []


@pytest.mark.parametrize(
    ("params", "ids", "total"),
    [
        ({}, [1, 2, 3], 3),
        ({"tag": "metal"}, [1, 2], 2),
        ({"max_price": 0.2}, [2], 1),
        ({"tag": "metal", "max_price": 0.2}, [2], 1),
        ({"limit": 1, "offset": 1}, [2], 3),
        ({"tag": "wood"}, [], 0),
    ],
)
def test_search(client: TestClient, params: dict[str, Any], ids: list[int], total: int) -> None:
    for item in (BOLT, NUT, GLUE):
        client.post("/items", json=item).raise_for_status()
    page = client.get("/items", params=params).json()
    assert ([item["id"] for item in page["items"]], page["total"]) == (ids, total)


@pytest.mark.parametrize(
    ("change", "pointer", "keyword"),
    [
        ({"sku": "bolt"}, "/sku", "pattern"),
        ({"name": ""}, "/name", "minLength"),
        ({"price": -1}, "/price", "minimum"),
        ({"quantity": 1.5}, "/quantity", "type"),
        ({"quantity": 2**63}, "/quantity", "maximum"),
        ({"tags": ["a", 1]}, "/tags/1", "type"),
    ],
)
def test_what_is_not_an_item(client: TestClient, change: dict[str, Any], pointer: str, keyword: str) -> None:
    answer = client.post("/items", json=BOLT | change)
    assert answer.status == 422
    assert [(error["pointer"], error["keyword"]) for error in answer.json()["errors"]] == [(pointer, keyword)]
    assert client.get("/items").json()["total"] == 0


def test_limits_of_a_page(client: TestClient) -> None:
    answer = client.get("/items", params={"limit": 101, "offset": -1})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/limit", "/offset"]


@pytest.mark.parametrize("target", ["/items/0", f"/items/{2**63}", f"/items/{10**4000}", f"/items?offset={2**64}"])
def test_numbers_that_no_database_holds(client: TestClient, target: str) -> None:
    assert client.get(target).status == 422


def test_a_sku_belongs_to_one_item(client: TestClient) -> None:
    client.post("/items", json=BOLT)
    answer = client.post("/items", json=BOLT)
    assert (answer.status, answer.json()["code"]) == (409, "conflict")


def test_replace_only_what_was_seen(client: TestClient) -> None:
    client.post("/items", json=BOLT)
    replaced = client.put("/items/1", json=NUT, headers={"if-match": '"1"'})
    assert (replaced.json(), replaced.headers["etag"]) == ({"id": 1, **NUT}, '"2"')
    stale = client.put("/items/1", json=BOLT, headers={"if-match": '"1"'})
    assert (stale.status, stale.json()["detail"]) == (412, 'the item has changed: its etag is "2"')
    blind = client.put("/items/1", json=BOLT)
    assert (blind.status, blind.json()["detail"]) == (412, "send if-match with the etag of the item")
    assert client.get("/items/1").json()["sku"] == NUT["sku"]


def test_remove(client: TestClient) -> None:
    client.post("/items", json=BOLT)
    assert client.delete("/items/1").status == 412
    removed = client.delete("/items/1", headers={"if-match": '"1"'})
    assert (removed.status, removed.content) == (204, b"")
    gone = client.get("/items/1")
    assert (gone.status, gone.json()["detail"]) == (404, "no item 1")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_unknown_items(client: TestClient, method: str) -> None:
    options: Any = {"json": BOLT} if method == "PUT" else {}
    assert client.request(method, "/items/7", headers={"if-match": '"1"'}, **options).json()["code"] == "not-found"


def test_every_language_serves_the_same_document(client: TestClient) -> None:
    document = Path(__file__).parents[1] / "contract.openapi.json"
    assert client.get("/openapi.json").content == document.read_bytes().rstrip()
    validate(client.get("/openapi.json").json())
