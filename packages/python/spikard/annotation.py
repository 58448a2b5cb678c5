"""What an annotation says: type, optional or not, markers, constraints. Reads no values and makes no schema."""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from spikard.parameters import Marker
from spikard.response import Response
from spikard.schema import is_pydantic

UNIONS = (typing.Union, types.UnionType)
SCALARS = (str, int, float, bool)
STREAMS = tuple(getattr(collections.abc, name) for name in ("Iterator", "AsyncIterator", "Generator", "AsyncGenerator"))
TEXTUAL = {"Str", "Int", "Float", "Bool", "Enum", "DateTime", "Date", "Time", "TimeDelta", "UUID", "Decimal"}


@dataclass(frozen=True, slots=True)
class Annotation:
    """`Annotated[int, Query(), Meta(ge=1)] | None` is `int`, optional, with a marker and a constraint."""

    kind: Any
    optional: bool
    markers: list[Marker]
    metas: list[msgspec.Meta]

    def with_constraints(self, marker: Marker, *, nullable: bool = False) -> Any:
        """The type with everything that its schema must say."""
        kind = self.kind | None if nullable else self.kind
        for extra in [*self.metas, *([meta] if (meta := marker.meta()) else [])]:
            kind = Annotated[kind, extra]
        return kind

    def __str__(self) -> str:
        return show(self.kind)


def is_scalar(kind: Any) -> bool:
    """A type that text can say: it may be a parameter."""
    if get_origin(kind) is Literal:
        return True
    if get_origin(kind) in UNIONS:
        return all(is_scalar(strip(item)) for item in get_args(kind))
    if isinstance(kind, type) and get_origin(kind) is None:
        try:
            info = msgspec.inspect.type_info(kind)
        except TypeError:
            return False
        return type(info).__name__.removesuffix("Type") in TEXTUAL
    return False


def is_scalar_list(kind: Any) -> bool:
    """A list, set or tuple of scalars."""
    items = [item for item in get_args(kind) if item is not Ellipsis]
    return get_origin(kind) in (list, set, frozenset, tuple) and all(is_scalar(strip(item)) for item in items)


def is_object(kind: Any) -> bool:
    """A type whose JSON is an object by its own definition: the kinds that are taken for a body without `Body()`."""
    cls = get_origin(kind) or kind
    if not isinstance(cls, type):
        return False
    return (
        is_pydantic(cls) or issubclass(cls, msgspec.Struct) or dataclasses.is_dataclass(cls) or typing.is_typeddict(cls)
    )


def read(annotation: Any) -> Annotation:
    """Takes an annotation apart; aliases and NewTypes are looked through."""
    markers: list[Marker] = []
    metas: list[msgspec.Meta] = []
    optional = False
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *extras = get_args(annotation)
            # `Annotated[int, Query]`: the class is as good as its instance.
            found = [extra() if isinstance(extra, type) and issubclass(extra, Marker) else extra for extra in extras]
            markers += [extra for extra in found if isinstance(extra, Marker)]
            metas += [extra for extra in found if isinstance(extra, msgspec.Meta)]
        elif get_origin(annotation) in UNIONS and types.NoneType in get_args(annotation):
            optional = True
            rest = [item for item in get_args(annotation) if item is not types.NoneType]
            annotation = rest[0] if len(rest) == 1 else typing.Union[tuple(rest)]  # noqa: UP007 (made at run time)
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return Annotation(annotation, optional, markers, metas)


def strip(annotation: Any) -> Any:
    """The type without `Annotated` and aliases."""
    while get_origin(annotation) is Annotated or type(annotation).__name__ == "TypeAliasType":
        annotation = annotation.__value__ if type(annotation).__name__ == "TypeAliasType" else get_args(annotation)[0]
    return annotation


def returned(annotation: Any) -> Any:
    """The type of the content that a handler returns: `Response[Item] | None` is `Item | None`."""
    kind = strip(annotation)
    if get_origin(kind) is Response:
        return returned(get_args(kind)[0])
    if get_origin(kind) in UNIONS:
        members = tuple(returned(item) for item in get_args(kind))
        return Any if Any in members or Response in members else typing.Union[members]  # noqa: UP007 (made at run time)
    return kind


def show(kind: Any) -> str:
    """As a user would write it."""
    if kind is inspect.Parameter.empty:
        return "..."
    return kind.__name__ if isinstance(kind, type) and get_origin(kind) is None else str(kind).replace("typing.", "")
