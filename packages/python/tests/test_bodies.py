"""Bodies end to end: whoever reads them, clients see the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import msgspec
import pydantic
import pytest

from spikard import Body, Meta, Request, Spikard, TestClient
from spikard.schema import Schemas


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=5)]
    count: Annotated[int, Meta(ge=0)] = 0
    ratio: float | None = None
    tags: list[str] = []


@dataclass
class Point:
    x: int
    y: int = 0


class Flags(TypedDict, total=False):
    verbose: bool


class Model(pydantic.BaseModel):
    name: str
    size: int = 1


app = Spikard()


@app.post("/strict")
def strict(item: Strict) -> Strict:
    return item


@app.post("/point")
def point(value: Point) -> Point:
    return value


@app.post("/flags")
def flags(value: Flags) -> Flags:
    return value


@app.post("/model")
def model(value: Model) -> Model:
    return value


@app.post("/models")
def models(value: Annotated[list[Model], Body()]) -> list[Model]:
    return value


@app.post("/optional")
def optional(value: Point | None = None) -> str:
    return str(value)


@app.post("/default")
def default(value: Point | None = Point(1)) -> str:
    return str(value)


def by_the_core(request: Request) -> Any:
    return msgspec.convert(request.json(), Strict, strict=False)


schemas = Schemas()
schemas.of(Strict)
app.add_route(
    "POST",
    "/core",
    by_the_core,
    body={"content": {"application/json": schemas.components["Strict"]}, "required": True},
)


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(app)


BODIES = [
    b'{"name":"a"}',
    b'{"name":"a","count":3,"ratio":0.5,"tags":["x"]}',
    b'{"name":"a","count":1.0}',
    b'{"name":"a","count":1.5}',
    b'{"name":1,"name":"a"}',
    b'{"name":"a","name":1}',
    b'{"name":"","count":-1,"ratio":"x","tags":[1]}',
    b'{"name":"a","more":1}',
    b'{"count":1}',
    b"[]",
    b"null",
    b"",
    b"{",
    b'{"name":"\xff"}',
    b'{"name":"\\ud800"}',
    b'{"name":"a","ratio":1e400}',
    b'\xef\xbb\xbf{"name":"a"}',
    b'{"name":"a"} x',
    b'{"name":"abcdef"}',
]


@pytest.mark.parametrize("body", BODIES, ids=repr)
def test_a_type_cannot_be_told_from_its_schema(client: TestClient, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answers = [client.post(path, content=body, headers=headers) for path in ("/strict", "/core")]
    assert answers[0].status == answers[1].status
    theirs, ours = (
        {key: value for key, value in answer.json().items() if key not in ("request_id", "instance")}
        for answer in answers
    )
    assert theirs == ours


@pytest.mark.parametrize(
    ("path", "given", "status", "returned"),
    [
        ("/point", {"x": 1}, 200, {"x": 1, "y": 0}),
        ("/point", {"x": 1.0}, 200, {"x": 1, "y": 0}),
        ("/point", {"x": "1"}, 422, None),
        ("/flags", {"verbose": True}, 200, {"verbose": True}),
        ("/flags", {"verbose": 1}, 422, None),
        ("/model", {"name": "a"}, 200, {"name": "a", "size": 1}),
        ("/model", {"name": "a", "size": "1"}, 422, None),
        ("/models", [{"name": "a"}], 200, [{"name": "a", "size": 1}]),
        ("/models", [{"name": 1}], 422, None),
    ],
)
def test_every_kind_of_type(client: TestClient, path: str, given: Any, status: int, returned: Any) -> None:
    answer = client.post(path, json=given)
    assert answer.status == status, answer.text
    assert returned is None or answer.json() == returned


@pytest.mark.parametrize(
    ("path", "options", "text"),
    [
        ("/optional", {}, "None"),
        ("/optional", {"json": {"x": 2}}, "Point(x=2, y=0)"),
        ("/default", {}, "Point(x=1, y=0)"),
        ("/default", {"json": {"x": 2}}, "Point(x=2, y=0)"),
        ("/default", {"json": None}, "None"),
    ],
)
def test_bodies_that_may_be_left_out(client: TestClient, path: str, options: Any, text: str) -> None:
    assert client.post(path, **options).text == text
