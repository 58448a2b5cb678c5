"""Python types as JSON Schema 2020-12. Knows msgspec's types and Pydantic models; checks no values."""

from __future__ import annotations

import datetime
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, get_args, get_origin

import msgspec
from msgspec import inspect as kinds

JsonSchema: TypeAlias = dict[str, Any]

REFERENCE = "#/components/schemas/"
DECIMAL = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"


EXPECTED = "write a Struct, dataclass, TypedDict, Pydantic model, list, dict, scalar, or a JSON Schema as a dict"


class SchemaError(TypeError):
    """A type that has no JSON Schema, with what to write instead."""


def is_pydantic(kind: object) -> bool:
    """A Pydantic v2 model; Pydantic is never imported here, so it costs nothing when it is not used."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


class Schemas:
    """Schemas of one app: named types are collected in `components`, in the order in which they are first met."""

    def __init__(self, components: Mapping[str, Any] | None = None) -> None:
        self.components: dict[str, Any] = dict(components or {})
        self._names: dict[Any, str] = {}

    def of(self, annotation: Any) -> JsonSchema:
        """The schema of a type; a mapping is taken as a schema already. Raises SchemaError."""
        if isinstance(annotation, Mapping):
            return dict(annotation)
        if is_pydantic(annotation):
            return self._pydantic(annotation)
        try:
            info = kinds.type_info(annotation)
        except (TypeError, NameError, ValueError, msgspec.ValidationError) as error:
            if str(error).endswith("is not supported"):
                raise SchemaError(f"{annotation!r} is not a type that JSON can show; {EXPECTED}") from None
            raise SchemaError(f"{error}") from None
        return self._build(info)

    def _build(self, info: kinds.Type) -> JsonSchema:
        if isinstance(info, kinds.Metadata):
            return self._build(info.type) | (info.extra_json_schema or {})
        build = BUILDERS.get(type(info))
        if build is None:
            raise SchemaError(f"{type(info).__name__.removesuffix('Type')} has no JSON form")
        return build(self, info)

    def _named(self, cls: Any, build: Callable[[], JsonSchema]) -> JsonSchema:
        name = self._names.get(cls)
        if name is None:
            name = _name(cls)
            if name in self.components:
                name = _identifier(f"{cls.__module__}.{name}")
            self._names[cls] = name
            self.components[name] = {}  # keeps its place, and ends the recursion of a type that holds itself
            self.components[name] = build()
        return {"$ref": REFERENCE + name}

    def _pydantic(self, cls: Any) -> JsonSchema:
        def build() -> JsonSchema:
            schema: JsonSchema = cls.model_json_schema(ref_template=REFERENCE + "{model}")
            for name, definition in schema.pop("$defs", {}).items():
                self.components.setdefault(name, _untitled(definition))
            return _untitled(schema)

        return self._named(cls, build)


def _untitled(schema: JsonSchema) -> JsonSchema:
    """Pydantic repeats each name as a title; the documents do not need it."""
    schema.pop("title", None)
    for field in schema.get("properties", {}).values():
        field.pop("title", None)
    return schema


def _name(cls: Any) -> str:
    origin = get_origin(cls)
    if origin is None:
        return _identifier(cls.__name__)
    return "_".join(
        [
            origin.__name__,
            *(_name(item) if isinstance(item, type) else _identifier(str(item)) for item in get_args(cls)),
        ]
    )


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]", "_", text)


def description(cls: Any) -> str | None:
    """The docstring a class was given; not the one that dataclasses make up, not an inherited one."""
    cls = get_origin(cls) or cls
    text = cls.__dict__.get("__doc__")
    if not text or text.startswith(f"{cls.__name__}("):
        return None
    return inspect.cleandoc(text)


def plain(value: Any) -> Any:
    """A default as JSON would show it."""
    if isinstance(value, (datetime.datetime, datetime.date)):
        return msgspec.to_builtins(value)
    return msgspec.to_builtins(value, enc_hook=encode_hook)


def encode_hook(value: Any) -> Any:
    """msgspec's hook for what it does not know: Pydantic models."""
    if is_pydantic(type(value)):
        return value.model_dump(mode="json", by_alias=True)
    raise NotImplementedError(
        f"{type(value).__qualname__} has no JSON form; return a Struct, dataclass, dict, list, text, number or None"
    )


def decode_hook(kind: type, value: Any) -> Any:
    """msgspec's hook for what it does not know: Pydantic models inside other types."""
    if is_pydantic(kind):
        return kind.model_validate(value)  # type: ignore[attr-defined]
    raise NotImplementedError(f"{kind.__qualname__} cannot be made from JSON")


KEYWORDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}
TEXT = {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"}
ITEMS = {"min_length": "minItems", "max_length": "maxItems"}
MEMBERS = {"min_length": "minProperties", "max_length": "maxProperties"}


def _constraints(info: Any, keywords: Mapping[str, str]) -> JsonSchema:
    return {word: value for name, word in keywords.items() if (value := getattr(info, name, None)) is not None}


def _constant(schema: JsonSchema) -> Callable[[Schemas, Any], JsonSchema]:
    return lambda _schemas, _info: dict(schema)


def _limited(schema: JsonSchema, keywords: Mapping[str, str]) -> Callable[[Schemas, Any], JsonSchema]:
    return lambda _schemas, info: schema | _constraints(info, keywords)


def _array(extra: JsonSchema) -> Callable[[Schemas, Any], JsonSchema]:
    def build(schemas: Schemas, info: Any) -> JsonSchema:
        items = schemas._build(info.item_type)
        return {"type": "array"} | ({"items": items} if items else {}) | _constraints(info, ITEMS) | extra

    return build


def _tuple(schemas: Schemas, info: Any) -> JsonSchema:
    return _fixed([schemas._build(item) for item in info.item_types], len(info.item_types))


def _fixed(items: list[JsonSchema], required: int) -> JsonSchema:
    schema: JsonSchema = {"type": "array", "minItems": required, "maxItems": len(items)}
    return schema | ({"prefixItems": items, "items": False} if items else {})


def _mapping(schemas: Schemas, info: Any) -> JsonSchema:
    keys = _constraints(getattr(info.key_type, "type", info.key_type), TEXT)
    values = schemas._build(info.value_type)
    return (
        {"type": "object"}
        | ({"additionalProperties": values} if values else {})
        | ({"propertyNames": keys} if keys else {})
        | _constraints(info, MEMBERS)
    )


TYPES: dict[type, str] = {str: "string", int: "integer", bool: "boolean", float: "number", type(None): "null"}


def _choices(values: Iterable[Any]) -> JsonSchema:
    values = list(values)
    names = list(dict.fromkeys(TYPES[type(value)] for value in values))
    return {"type": names[0] if len(names) == 1 else names, "enum": values}


def _enum(schemas: Schemas, info: Any) -> JsonSchema:
    def build() -> JsonSchema:
        text = description(info.cls)
        # Enum's own docstring is not the user's.
        words = {"description": text} if text and text != "An enumeration." else {}
        return words | _choices(plain(member) for member in info.cls)

    return schemas._named(info.cls, build)


def _union(schemas: Schemas, info: Any) -> JsonSchema:
    members = [schemas._build(item) for item in info.types if not isinstance(item, kinds.NoneType)]
    if not info.includes_none:
        return members[0] if len(members) == 1 else {"anyOf": members}
    only = members[0]
    if len(members) == 1 and isinstance(only.get("type"), str) and "enum" not in only:
        return only | {"type": [only["type"], "null"]}
    return {"anyOf": [*members, {"type": "null"}]}


def _custom(schemas: Schemas, info: Any) -> JsonSchema:
    if is_pydantic(info.cls):
        return schemas._pydantic(info.cls)
    name = info.cls.__qualname__
    raise SchemaError(
        f"{name} has no JSON form; make it a msgspec.Struct, a dataclass, a TypedDict or a Pydantic model"
    )


def _object(schemas: Schemas, info: Any) -> JsonSchema:
    return schemas._named(info.cls, lambda: _members(schemas, info))


def _members(schemas: Schemas, info: Any) -> JsonSchema:
    text = description(info.cls)
    words = {"description": text} if text else {}
    if getattr(info, "array_like", False) or isinstance(info, kinds.NamedTupleType):
        fields = [schemas._build(field.type) for field in info.fields]
        return words | _fixed(fields, sum(field.required for field in info.fields))
    properties: JsonSchema = {}
    required = []
    if getattr(info, "tag_field", None):
        properties[info.tag_field] = {"const": info.tag}
        required.append(info.tag_field)
    for field in info.fields:
        properties[field.encode_name] = schemas._build(field.type) | _default(field)
        if field.required:
            required.append(field.encode_name)
    return (
        words
        | {"type": "object", "properties": properties}
        | ({"required": required} if required else {})
        | ({"additionalProperties": False} if getattr(info, "forbid_unknown_fields", False) else {})
    )


def _default(field: Any) -> JsonSchema:
    if field.default is not msgspec.NODEFAULT and field.default is not msgspec.UNSET:
        return {"default": plain(field.default)}
    if field.default_factory in (list, dict):
        return {"default": field.default_factory()}
    return {}


BUILDERS: dict[type, Callable[[Schemas, Any], JsonSchema]] = {
    kinds.AnyType: _constant({}),
    kinds.RawType: _constant({}),
    kinds.NoneType: _constant({"type": "null"}),
    kinds.BoolType: _constant({"type": "boolean"}),
    kinds.IntType: _limited({"type": "integer"}, KEYWORDS),
    kinds.FloatType: _limited({"type": "number"}, KEYWORDS),
    kinds.StrType: _limited({"type": "string"}, TEXT),
    kinds.BytesType: _constant({"type": "string", "format": "byte"}),
    kinds.ByteArrayType: _constant({"type": "string", "format": "byte"}),
    kinds.DateTimeType: _constant({"type": "string", "format": "date-time"}),
    kinds.DateType: _constant({"type": "string", "format": "date"}),
    kinds.TimeType: _constant({"type": "string", "format": "time"}),
    kinds.TimeDeltaType: _constant({"type": "string", "format": "duration"}),
    kinds.UUIDType: _constant({"type": "string", "format": "uuid"}),
    kinds.DecimalType: _constant({"type": "string", "pattern": DECIMAL}),
    kinds.EnumType: _enum,
    kinds.LiteralType: lambda _schemas, info: _choices(info.values),
    kinds.UnionType: _union,
    kinds.ListType: _array({}),
    kinds.VarTupleType: _array({}),
    kinds.SetType: _array({"uniqueItems": True}),
    kinds.FrozenSetType: _array({"uniqueItems": True}),
    kinds.TupleType: _tuple,
    kinds.DictType: _mapping,
    kinds.CustomType: _custom,
    kinds.TypedDictType: _object,
    kinds.NamedTupleType: _object,
    kinds.DataclassType: _object,
    kinds.StructType: _object,
}
