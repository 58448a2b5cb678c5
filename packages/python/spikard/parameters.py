"""Where an argument of a handler comes from, as markers inside `Annotated[...]`. Describes only; reads nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from msgspec import Meta

from spikard.schema import SchemaError

__all__ = ["Body", "Cookie", "Header", "Marker", "Meta", "Parameter", "Path", "Query"]

Place = Literal["path", "query", "header", "cookie"]
Style = Literal["simple", "form", "spaceDelimited", "pipeDelimited"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Constraints and words that any marker may carry; they become keywords of the JSON Schema.

    `ge gt le lt multiple_of` are for numbers, `min_length max_length pattern` for text (`pattern` is ECMA-262) and the
    lengths for lists too. `title description examples` are for the documents.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    title: str | None = None
    description: str | None = None
    examples: list[Any] | None = None

    def meta(self) -> Meta | None:
        """The constraints in msgspec's form, or None when there are none. `description` belongs to the parameter.

        Raises SchemaError.
        """
        names = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern", "title", "examples")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        try:
            return Meta(**given) if given else None
        except re.error as error:
            raise SchemaError(f"the pattern {error.pattern!r} is no regular expression: {error}") from None
        except (TypeError, ValueError) as error:
            raise SchemaError(f"the constraints of {type(self).__name__} do not fit: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Marker):
    """What the four places share.

    `alias`: the name on the wire (default: the argument's name; in headers with `-` for `_`).
    `style` and `explode`: how lists are written, as in OpenAPI 3.1.
    `schema`: a JSON Schema instead of the annotation's.
    """

    place: ClassVar[Place]
    alias: str | None = None
    style: Style | None = None
    explode: bool | None = None
    deprecated: bool = False
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Parameter):
    """From the query string: `limit: Annotated[int, Query(ge=1, le=100)] = 20`."""

    place: ClassVar[Place] = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header(Parameter):
    """From a header field: `if_match: Annotated[str, Header()]` reads `If-Match`."""

    place: ClassVar[Place] = "header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie(Parameter):
    """From a cookie: `session: Annotated[str | None, Cookie()] = None`."""

    place: ClassVar[Place] = "cookie"


@dataclass(frozen=True, slots=True, kw_only=True)
class Path(Parameter):
    """From the path; only needed for constraints: `id: Annotated[int, Path(ge=1)]`."""

    place: ClassVar[Place] = "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body(Marker):
    """The request's body: `data: Annotated[dict[str, Any], Body()]`.

    `media_type`: default `application/json`; `text/plain` for `str`, `application/octet-stream` for `bytes`.
    `schema`: a JSON Schema instead of the annotation's.
    """

    media_type: str | None = None
    schema: Mapping[str, Any] | None = None
