"""Bodies as the handler's own type. Whether they are valid is the core's to say, before anything here is called."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect as kinds

from spikard.errors import InvalidRequest
from spikard.schema import decode_hook, is_pydantic

Decode = Callable[[bytes], Any]
Shape = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Decoder:
    """How one body type is read."""

    convert: Decode
    """For bodies that the core has checked."""
    shape: Shape | None = None
    """How the value of a plain body is built without `convert`, in the pass that checks it."""


def text_decoder(kind: type[str] | type[bytes]) -> Decoder:
    """The decoder of a body that is not JSON."""
    return Decoder(_text if kind is str else bytes)


def decoder(kind: Any) -> Decoder:
    """The decoder of a JSON body's annotation."""
    if is_pydantic(kind):
        return Decoder(_pydantic(kind))
    read = _either(msgspec.json.Decoder(kind, dec_hook=decode_hook).decode, _recover(kind))
    if _mentions(kinds.type_info(kind), kinds.DataclassType, set()):
        read = _completed(read)
    return Decoder(read, shape(kind))


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


def shape(kind: Any) -> Shape | None:
    """What the core builds from a body that its schema accepts, as `_native.pyi` says it; None: msgspec must read it.

    The value has to be the one that msgspec makes, and msgspec must not refuse what the schema accepts: no hooks of the
    user, no formats, no unions but `| None`, no pattern that Python reads more narrowly than ECMA-262
    (`tests/test_shapes.py` compares the two).
    """
    try:
        return _shape(kinds.type_info(kind), set())
    except (TypeError, NameError):
        return None


# What Python reads at least as widely: in ECMA-262 `\d` and `\w` are ASCII, and `$` matches at the very end only.
WIDER_PATTERN = re.compile(
    r"\^?(?:\\[dw./-]|[A-Za-z0-9_ ,:;@#%&=<>~-]|\[(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_])+\]|[*+?]|\{\d+(?:,\d*)?\})*"
    r"\$?"
)


# What `extra_json_schema` may say without changing what the schema accepts.
WORDS = {"$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"}


def _shape(info: kinds.Type, seen: set[Any]) -> Shape | None:
    match info:
        case kinds.Metadata():
            return _shape(info.type, seen) if (info.extra_json_schema or {}).keys() <= WORDS else None
        case kinds.BoolType():
            return ("boolean", False)
        case kinds.IntType():
            return ("integer", False)
        case kinds.FloatType() if info.multiple_of is None:
            return ("number", False)
        case kinds.StrType() if info.pattern is None or WIDER_PATTERN.fullmatch(info.pattern):
            return ("text", False)
        case kinds.EnumType():
            return _choice({member.value: member for member in info.cls})
        case kinds.LiteralType():
            return _choice({value: value for value in info.values})
        case kinds.ListType():
            items = _shape(info.item_type, seen)
            return items and ("list", False, items)
        case kinds.DictType() if info.key_type == kinds.StrType():
            values = _shape(info.value_type, seen)
            return values and ("map", False, values)
        case kinds.UnionType() if info.includes_none and len(info.types) == 2:
            other = next(item for item in info.types if not isinstance(item, kinds.NoneType))
            some = _shape(other, seen)
            return some and (some[0], True, *some[2:])
        case kinds.StructType():
            return _struct_shape(info, seen)
        case _:
            return None


def _choice(choices: dict[Any, Any]) -> Shape | None:
    return ("choice", False, choices) if all(type(value) in (str, int) for value in choices) else None


def _struct_shape(info: kinds.StructType, seen: set[Any]) -> Shape | None:
    cls = info.cls
    plain = type(cls) is type(msgspec.Struct) and not hasattr(cls, "__post_init__")
    if not plain or cls in seen or info.array_like or info.tag_field is not None:
        return None
    fields = {field.name: field for field in info.fields}
    members = []
    for name in cls.__struct_fields__:
        field = fields[name]
        built = _shape(field.type, seen | {cls})
        if built is None:
            return None
        members.append((field.encode_name, built))  # msgspec allows no name that JSON would have to escape
    parameters = inspect.signature(cls).parameters.values()
    keywords = tuple(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)
    return ("object", False, cls, members, keywords)
