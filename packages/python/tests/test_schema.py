"""Types as JSON Schema, beyond what signatures show."""

from __future__ import annotations

import dataclasses
import enum
from typing import Annotated, Any, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

import msgspec
import pydantic
import pytest

from spikard import Meta
from spikard.schema import Schemas

T = TypeVar("T")


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    first_name: str
    level: Level | None = None


class Tree(msgspec.Struct):
    """A tree."""

    children: list[Tree] = []
    parent: Tree | None = None


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    good: bool


@dataclasses.dataclass
class Data:
    a: int
    b: dict[str, int] = dataclasses.field(default_factory=dict)


class Typed(TypedDict):
    """Typed."""

    a: int
    b: NotRequired[str]


class Pair(NamedTuple):
    left: int
    right: str = ""


class Inner(pydantic.BaseModel):
    n: int = pydantic.Field(ge=1)


class Model(pydantic.BaseModel):
    inner: Inner
    name: str = "x"


@pytest.mark.parametrize(
    ("kind", "component", "expected"),
    [
        (
            Strict,
            "Strict",
            {
                "type": "object",
                "properties": {
                    "firstName": {"type": "string"},
                    "level": {"anyOf": [{"$ref": "#/components/schemas/Level"}, {"type": "null"}], "default": None},
                },
                "required": ["firstName"],
                "additionalProperties": False,
            },
        ),
        (Level, "Level", {"type": "integer", "enum": [1, 2]}),
        (
            Tree,
            "Tree",
            {
                "description": "A tree.",
                "type": "object",
                "properties": {
                    "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}, "default": []},
                    "parent": {"anyOf": [{"$ref": "#/components/schemas/Tree"}, {"type": "null"}], "default": None},
                },
            },
        ),
        (
            Page[Data],
            "Page_Data",
            {
                "type": "object",
                "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Data"}}},
                "required": ["items"],
            },
        ),
        (
            Cat | Dog,
            "Cat",
            {
                "type": "object",
                "properties": {"type": {"const": "cat"}, "lives": {"type": "integer"}},
                "required": ["type", "lives"],
            },
        ),
        (
            Data,
            "Data",
            {
                "type": "object",
                "properties": {
                    "a": {"type": "integer"},
                    "b": {"type": "object", "additionalProperties": {"type": "integer"}, "default": {}},
                },
                "required": ["a"],
            },
        ),
        (
            Typed,
            "Typed",
            {
                "description": "Typed.",
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
                "required": ["a"],
            },
        ),
        (
            Pair,
            "Pair",
            {
                "type": "array",
                "minItems": 1,
                "maxItems": 2,
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "items": False,
            },
        ),
        (
            list[Model],
            "Model",
            {
                "type": "object",
                "properties": {
                    "inner": {"$ref": "#/components/schemas/Inner"},
                    "name": {"type": "string", "default": "x"},
                },
                "required": ["inner"],
            },
        ),
    ],
)
def test_named_types(kind: Any, component: str, expected: dict[str, Any]) -> None:
    schemas = Schemas()
    schemas.of(kind)
    assert schemas.components[component] == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (int | None, {"type": ["integer", "null"]}),
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (
            tuple[int, str],
            {
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "items": False,
            },
        ),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            dict[Annotated[str, Meta(pattern="^a")], int],
            {
                "type": "object",
                "additionalProperties": {"type": "integer"},
                "propertyNames": {"pattern": "^a"},
            },
        ),
        (
            Annotated[str, Meta(description="d", examples=["a"])],
            {
                "type": "string",
                "description": "d",
                "examples": ["a"],
            },
        ),
        (bytes, {"type": "string", "format": "byte"}),
        (Any, {}),
        ({"type": "null"}, {"type": "null"}),
    ],
)
def test_unnamed_types(kind: Any, expected: dict[str, Any]) -> None:
    assert Schemas().of(kind) == expected


def test_two_types_of_one_name_are_two_components() -> None:
    other = msgspec.defstruct("Cat", [("claws", int)], module="other")
    schemas = Schemas()
    assert schemas.of(Cat) == {"$ref": "#/components/schemas/Cat"}
    assert schemas.of(other) == {"$ref": "#/components/schemas/other.Cat"}


def test_pydantic_models_inside_are_collected() -> None:
    schemas = Schemas()
    schemas.of(Model)
    assert set(schemas.components) == {"Model", "Inner"}
    assert schemas.components["Inner"]["properties"]["n"] == {"type": "integer", "minimum": 1}
