"""The app through the test client: the real server code without a socket."""

from __future__ import annotations

from app import app

from spikard import TestClient

client = TestClient(app)


def test_someone_is_greeted() -> None:
    assert client.get("/hello/Ada").json() == {"message": "hello Ada"}


def test_an_order_is_taken() -> None:
    answer = client.post("/orders", json={"sku": "BLT-0001", "quantity": 3})
    assert answer.status == 201
    assert answer.json() == {"sku": "BLT-0001", "quantity": 3, "total_cents": 750}


def test_a_wrong_order_is_refused_with_every_reason() -> None:
    answer = client.post("/orders", json={"sku": "bolt", "quantity": 0})
    assert answer.status == 422
    assert [violation["pointer"] for violation in answer.json()["errors"]] == ["/sku", "/quantity"]
