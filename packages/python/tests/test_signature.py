"""From a handler's signature to the app as data."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NewType, TypedDict

import msgspec
import pytest

from spikard import Body, Cookie, Header, Meta, Path, Query, Request, Response, Router, Spikard

UserId = NewType("UserId", int)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(msgspec.Struct):
    """An item."""

    sku: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    price: Annotated[float, Meta(ge=0)]
    tags: list[str] = []


@dataclass
class Point:
    x: int
    y: int = 0


class Options(TypedDict, total=False):
    verbose: bool


def spec(handler: Callable[..., Any], path: str = "/", method: str = "GET", **options: Any) -> dict[str, Any]:
    app = Spikard()
    app.route(method, path, **options)(handler)
    routes: list[dict[str, Any]] = json.loads(app.spec())["routes"]
    return routes[0]


def parameter(annotation: Any, default: Any = ...) -> dict[str, Any]:
    def handler(value: Any = default) -> None: ...

    handler.__annotations__["value"] = annotation
    if default is ...:
        handler.__defaults__ = None
    only: dict[str, Any] = spec(handler)["parameters"][0]
    return only


@pytest.mark.parametrize(
    ("annotation", "default", "schema", "required"),
    [
        (str, ..., {"type": "string"}, True),
        (int, 3, {"type": "integer", "default": 3}, False),
        (float, ..., {"type": "number"}, True),
        (bool, False, {"type": "boolean", "default": False}, False),
        (str | None, None, {"type": "string"}, False),
        (str | None, ..., {"type": "string"}, False),
        (uuid.UUID, ..., {"type": "string", "format": "uuid"}, True),
        (datetime.datetime, ..., {"type": "string", "format": "date-time"}, True),
        (
            datetime.date,
            datetime.date(2026, 1, 2),
            {"type": "string", "format": "date", "default": "2026-01-02"},
            False,
        ),
        (datetime.timedelta, ..., {"type": "string", "format": "duration"}, True),
        (UserId, ..., {"type": "integer"}, True),
        (Literal["a", "b"], ..., {"type": "string", "enum": ["a", "b"]}, True),
        (Color, Color.RED, {"$ref": "#/components/schemas/Color", "default": "red"}, False),
        (list[int], ..., {"type": "array", "items": {"type": "integer"}}, True),
        (set[str], ..., {"type": "array", "items": {"type": "string"}, "uniqueItems": True}, True),
        (Annotated[int, Query(ge=1, le=9)], 2, {"type": "integer", "minimum": 1, "maximum": 9, "default": 2}, False),
        (Annotated[int, Query(gt=1, lt=9, multiple_of=2)] | None, None, None, False),
        (
            Annotated[str, Query(min_length=1, max_length=3)],
            ...,
            {"type": "string", "minLength": 1, "maxLength": 3},
            True,
        ),
        (Annotated[int, Meta(ge=1), Query()], ..., {"type": "integer", "minimum": 1}, True),
        (
            Annotated[list[str], Query(max_length=2)],
            ...,
            {"type": "array", "items": {"type": "string"}, "maxItems": 2},
            True,
        ),
        (Annotated[int, Query], ..., {"type": "integer"}, True),
        (Annotated[int, Query(schema={"type": "integer", "enum": [1]})], ..., {"type": "integer", "enum": [1]}, True),
    ],
)
def test_annotations_become_schemas(
    annotation: Any, default: Any, schema: dict[str, Any] | None, required: bool
) -> None:
    found = parameter(annotation, default)
    assert (found["in"], found["name"], found["required"]) == ("query", "value", required)
    assert schema is None or found["schema"] == schema


def test_a_decimal_is_text_that_is_a_number() -> None:
    assert parameter(decimal.Decimal)["schema"]["type"] == "string"


def test_places_by_name_and_marker() -> None:
    def ordered(
        id: int,
        slug: Annotated[str, Path(max_length=5)],
        q: str,
        if_match: Annotated[str | None, Header()] = None,
        session: Annotated[str | None, Cookie(alias="sid", description="who")] = None,
    ) -> None: ...

    found = spec(ordered, "/{id}/{slug}")["parameters"]
    assert [(p["in"], p["name"], p["required"]) for p in found] == [
        ("path", "id", True),
        ("path", "slug", True),
        ("query", "q", True),
        ("header", "if-match", False),
        ("cookie", "sid", False),
    ]
    assert found[1]["schema"] == {"type": "string", "maxLength": 5}
    assert found[4]["description"] == "who"


def test_an_unannotated_path_parameter_is_text() -> None:
    def handler(path):  # type: ignore[no-untyped-def]
        ...

    assert spec(handler, "/files/{*path}")["parameters"][0]["schema"] == {"type": "string"}


@pytest.mark.parametrize(
    ("annotation", "media", "schema"),
    [
        (Item, "application/json", {"$ref": "#/components/schemas/Item"}),
        (Point, "application/json", {"$ref": "#/components/schemas/Point"}),
        (Options, "application/json", {"$ref": "#/components/schemas/Options"}),
        (Annotated[dict[str, int], Body()], "application/json", None),
        (Annotated[list[Item], Body(max_length=2)], "application/json", None),
        (Annotated[Any, Body(schema={"type": "object"})], "application/json", {"type": "object"}),
        (Annotated[str, Body()], "text/plain", True),
        (Annotated[bytes, Body()], "application/octet-stream", True),
        (Annotated[bytes, Body(media_type="image/png")], "image/png", True),
        (Annotated[int, Body()], "application/json", {"type": "integer"}),
    ],
)
def test_bodies(annotation: Any, media: str, schema: Any) -> None:
    def handler(data: Any) -> None: ...

    handler.__annotations__["data"] = annotation
    body = spec(handler, method="POST")["body"]
    assert list(body["content"]) == [media]
    assert body["required"] is True
    assert schema is None or body["content"][media] == schema


def test_an_optional_body() -> None:
    def handler(item: Item | None = None) -> None: ...

    body = spec(handler, method="POST")["body"]
    assert body == {"content": {"application/json": {"$ref": "#/components/schemas/Item"}}, "required": False}


@pytest.mark.parametrize(
    ("annotation", "options", "responses"),
    [
        (Item, {}, {"200": {"content": {"application/json": {"$ref": "#/components/schemas/Item"}}}}),
        (
            Response[Item],
            {"status": 201},
            {"201": {"content": {"application/json": {"$ref": "#/components/schemas/Item"}}}},
        ),
        (str, {}, {"200": {"content": {"text/plain; charset=utf-8": {"type": "string"}}}}),
        (bytes, {}, {"200": {"content": {"application/octet-stream": True}}}),
        (None, {}, {"204": {}}),
        (None, {"status": 202}, {"202": {}}),
        (Any, {}, {"200": {}}),
        (Any, {"response": {"type": "integer"}}, {"200": {"content": {"application/json": {"type": "integer"}}}}),
        (None, {"responses": {404: "gone"}}, {"204": {}, "404": {"description": "gone"}}),
    ],
)
def test_return_annotations_are_response_schemas(annotation: Any, options: Any, responses: Any) -> None:
    def handler() -> Any: ...

    handler.__annotations__["return"] = annotation
    assert spec(handler, **options)["responses"] == responses


def test_words_come_from_the_docstring() -> None:
    def handler() -> None:
        """Items, newest first.

        As many as you like.
        """

    found = spec(handler, tags=["a"], deprecated=True)
    assert (found["summary"], found["description"]) == ("Items, newest first.", "As many as you like.")
    assert (found["tags"], found["deprecated"], found["hidden"]) == (["a"], True, False)
    assert spec(handler, summary="Other")["summary"] == "Other"


def test_where_a_handler_stands() -> None:
    def handler() -> None: ...

    declared = spec(handler)["declared"]
    assert declared["name"] == "handler"
    assert declared["file"].endswith("test_signature.py")
    assert declared["line"] == handler.__code__.co_firstlineno


def test_routers_nest_as_groups() -> None:
    inner = Router("/b", tags=["inner"], timeout_ms=5)
    outer = Router("/a", body_limit=1)

    @inner.get("/x")
    def x() -> None: ...

    app = Spikard()
    app.include(outer)
    outer.include(inner)
    group = json.loads(app.spec())["groups"][0]
    assert (group["prefix"], group["policy"]) == ("/a", {"body_limit": 1})
    assert (group["groups"][0]["tags"], group["groups"][0]["policy"]) == (["inner"], {"handler_timeout_ms": 5})
    assert group["groups"][0]["routes"][0]["path"] == "/x"


def test_contract_first() -> None:
    app = Spikard(schemas={"Id": {"type": "integer"}})

    def handle(request: Request) -> Response[Any]:
        return Response(None)

    given = [{"name": "id", "in": "path", "required": True, "schema": {"$ref": "#/components/schemas/Id"}}]
    body = {"content": {"application/json": {"type": "object"}}, "required": True}
    app.add_route("PUT", "/{id}", handle, parameters=given, body=body, responses={200: {"description": "ok"}})
    found = json.loads(app.spec())
    assert found["schemas"] == {"Id": {"type": "integer"}}
    assert (found["routes"][0]["parameters"], found["routes"][0]["body"]) == (given, body)
    assert found["routes"][0]["responses"] == {"200": {"description": "ok"}}


def test_types_of_a_nested_function_are_found() -> None:
    class Local(msgspec.Struct):
        a: int

    app = Spikard()

    @app.post("/")
    def create(item: Local) -> Local:
        return item

    assert "Local" in json.loads(app.spec())["schemas"]
