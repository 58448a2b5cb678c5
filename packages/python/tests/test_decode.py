"""What becomes of bodies that msgspec reads otherwise than the core, and of those that types refuse."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pydantic
import pytest

from spikard import InvalidRequest, Meta
from spikard.decode import decoder


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=3)]
    count: Annotated[int, Meta(ge=0, lt=10)] = 0
    ratio: Annotated[float, Meta(gt=0)] | None = None


class Hooked(msgspec.Struct, forbid_unknown_fields=True):
    name: str

    def __post_init__(self) -> None:
        if self.name == "no":
            raise ValueError("not this name")


class Model(pydantic.BaseModel):
    name: str

    @pydantic.field_validator("name")
    @classmethod
    def check(cls, value: str) -> str:
        if value == "no":
            raise ValueError("not this name")
        return value


@pytest.mark.parametrize(
    ("kind", "body", "value"),
    [
        (Strict, b'{"name":"a","count":1.0}', Strict("a", 1)),
        (Strict, b'{"name":1,"name":"a"}', Strict("a")),
        (list[int], b"[1.0,2e0]", [1, 2]),
    ],
)
def test_what_only_the_core_accepts_is_read_all_the_same(kind: Any, body: bytes, value: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=kind)
    assert decoder(kind).convert(body) == value


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
