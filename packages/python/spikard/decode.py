"""Bodies as the handler's own type. The core has the last word on what is valid: a route may skip it only for the types
of `proves`, whose decoder accepts nothing that JSON Schema refuses; on a refusal the core makes the answer.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect as kinds

from spikard.errors import InvalidRequest
from spikard.schema import decode_hook, is_pydantic

Decode = Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class Decoder:
    """How one body type is read."""

    convert: Decode
    """For bodies that the core has checked; or for any, when `validates`."""
    validates: bool
    """`convert` accepts nothing that the schema refuses."""
    recover: Decode
    """For bodies that the core accepts and `convert` refused."""


def text_decoder(kind: type[str] | type[bytes]) -> Decoder:
    """The decoder of a body that is not JSON."""
    read: Decode = _text if kind is str else bytes
    return Decoder(read, False, read)


def decoder(kind: Any) -> Decoder:
    """The decoder of a JSON body's annotation."""
    if is_pydantic(kind):
        read = _pydantic(kind)
        return Decoder(read, False, read)
    fast = msgspec.json.Decoder(kind, dec_hook=decode_hook).decode
    recover = _recover(kind)
    if proves(kind):
        return Decoder(fast, True, recover)
    read = _either(fast, recover)
    if _mentions(kinds.type_info(kind), kinds.DataclassType, set()):
        return Decoder(_completed(read), False, _completed(recover))
    return Decoder(read, False, recover)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise refusal("", "encoding", "must be UTF-8") from None


def _either(fast: Decode, recover: Decode) -> Decode:
    def read(body: bytes) -> Any:
        try:
            return fast(body)
        except msgspec.ValidationError:
            return recover(body)

    return read


def _recover(kind: Any) -> Decode:
    """JSON Schema takes `1.0` for an integer and sees the last of two equal keys only; msgspec's decoder does not."""

    def read(body: bytes) -> Any:
        try:
            return msgspec.convert(_whole(msgspec.json.decode(body)), kind, dec_hook=decode_hook)
        except msgspec.ValidationError as error:
            raise _reason(error) from None

    return read


def _whole(value: Any) -> Any:
    """Floats without a fraction as integers; where a float is wanted, msgspec makes it one again."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return value


def _completed(read: Decode) -> Decode:
    """msgspec leaves defaults of a dataclass to the class, and its encoder then leaves them out of an answer."""
    return lambda body: _complete(read(body))


def _complete(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset):
        inside: Any = value
    elif isinstance(value, dict):
        inside = value.values()
    elif isinstance(value, msgspec.Struct):
        inside = (getattr(value, name) for name in value.__struct_fields__)
    elif dataclasses.is_dataclass(value):
        own = getattr(value, "__dict__", None)
        for field in dataclasses.fields(value):
            if own is not None and field.default is not dataclasses.MISSING:
                own.setdefault(field.name, field.default)
        inside = (getattr(value, field.name) for field in dataclasses.fields(value))
    else:
        return value
    for item in inside:
        _complete(item)
    return value


def _mentions(info: object, wanted: type[kinds.Type], seen: set[int]) -> bool:
    """Whether a type stands anywhere in another."""
    if isinstance(info, wanted):
        return True
    if isinstance(info, tuple):
        return any(_mentions(item, wanted, seen) for item in info)
    if not isinstance(info, kinds.Type | kinds.Field) or id(info) in seen:
        return False
    seen.add(id(info))
    return any(_mentions(getattr(info, name), wanted, seen) for name in info.__struct_fields__)


def _pydantic(kind: Any) -> Decode:
    def read(body: bytes) -> Any:
        try:
            return kind.__pydantic_validator__.validate_json(body)
        except ValueError as error:
            violations = [
                {
                    "in": "body",
                    "pointer": "".join(f"/{_token(part)}" for part in entry["loc"]),
                    "keyword": entry["type"],
                    "message": entry["msg"],
                    "params": {},
                }
                for entry in error.errors(include_url=False, include_context=False, include_input=False)  # type: ignore[attr-defined]
            ]
            raise InvalidRequest(extensions={"errors": violations}) from None

    return read


def _token(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _reason(error: msgspec.ValidationError) -> InvalidRequest:
    """msgspec says `what - at `$.items[0].price``; problems say it as a JSON Pointer (RFC 6901)."""
    message, _, place = str(error).partition(" - at `$")
    steps = re.findall(r"\.([^.\[`]+)|\[(\d+|\.\.\.)\]", place)
    return refusal("".join(f"/{_token(name or index)}" for name, index in steps), "type", message)


def refusal(pointer: str, keyword: str, message: str, place: str = "body") -> InvalidRequest:
    """A 422 with one entry in `errors`."""
    entry = {"in": place, "pointer": pointer, "keyword": keyword, "message": message, "params": {}}
    return InvalidRequest(extensions={"errors": [entry]})


def proves(kind: Any) -> bool:
    """Whether msgspec's decoder accepts only what the kind's schema accepts (`tests/test_decode.py` holds the proof).

    Not proved: whatever skips bytes unread (unknown fields allowed, `Any`, `Raw`), formats (dates, uuid, base64), text
    patterns that Python and ECMA-262 read differently, `multiple_of` of floats, unions but `| None`, hooks of the user.
    """
    try:
        return _proved(kinds.type_info(kind), set())
    except (TypeError, NameError):
        return False


# `$` matches before a last newline in Python, `\d \w \s` match beyond ASCII: neither is in here.
SAME_PATTERN = re.compile(
    r"\^?(?:[A-Za-z0-9_ ,:;@#%&=<>~-]|\[(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_])+\]|[*+?]|\{\d+(?:,\d*)?\})*"
)


def _proved(info: kinds.Type, seen: set[Any]) -> bool:
    match info:
        case kinds.Metadata():
            return _proved(info.type, seen)
        case kinds.NoneType() | kinds.BoolType() | kinds.IntType():
            return True
        case kinds.FloatType():
            return info.multiple_of is None
        case kinds.StrType():
            return info.pattern is None or SAME_PATTERN.fullmatch(info.pattern) is not None
        case kinds.EnumType():
            return all(isinstance(member.value, str | int) for member in info.cls) and "_missing_" not in vars(info.cls)
        case kinds.LiteralType():
            return True
        case kinds.UnionType():
            return info.includes_none and len(info.types) == 2 and all(_proved(item, seen) for item in info.types)
        case kinds.ListType():
            return _proved(info.item_type, seen)
        case kinds.DictType():
            return info.key_type == kinds.StrType() and _proved(info.value_type, seen)
        case kinds.StructType():
            return _proved_struct(info, seen)
        case _:
            return False


def _proved_struct(info: kinds.StructType, seen: set[Any]) -> bool:
    if info.cls in seen:
        return False  # a type that holds itself nests deeper than the core's limit of 128
    strict = info.forbid_unknown_fields and not info.array_like and info.tag_field is None
    hooked = hasattr(info.cls, "__post_init__")
    return strict and not hooked and all(_proved(field.type, seen | {info.cls}) for field in info.fields)
