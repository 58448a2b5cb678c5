"""One route: from a handler's signature to its RouteSpec and to how it is called. Registers nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import inspect
import os
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

import msgspec

from spikard import annotation, decode
from spikard.annotation import Annotation
from spikard.auth import ways
from spikard.errors import Problem
from spikard.limits import limits
from spikard.parameters import Body, Marker, Parameter, Path, Query
from spikard.request import Request, wrapper
from spikard.response import Response
from spikard.schema import JsonSchema, SchemaError, Schemas, plain

EMPTY = inspect.Parameter.empty

Kind = Literal["sync", "async", "blocking"]
Source = Literal["parameter", "body", "request", "response", "problem"]


class Mistake(Exception):
    """One wrong thing in a route: what, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of the call, in the terms of the extension module."""

    source: Source
    index: int = 0
    convert: Callable[[Any], Any] | None = None
    default: Any = None
    shape: decode.Shape | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """How a handler is called."""

    function: Callable[..., Any]
    kind: Kind
    arguments: list[Argument]
    keywords: list[str]
    hard_cancel: bool


@dataclass(slots=True)
class Declared:
    """A route as the user wrote it, before anything is looked at."""

    method: str
    path: str
    handler: Callable[..., Any]
    options: dict[str, Any]
    file: str
    line: int
    scope: Mapping[str, Any]
    contract: dict[str, Any] | None = None
    """`parameters` and `body` of `add_route`, when the signature does not say them."""


@dataclass(slots=True)
class Built:
    """What became of a route: its spec and call, or why not."""

    spec: dict[str, Any] = field(default_factory=dict)
    call: Call | None = None
    mistakes: list[str] = field(default_factory=list)


def build(route: Declared, prefix: str, schemas: Schemas) -> Built:
    """The whole way: signature, parameters, body, responses, words. Mistakes are collected, not raised."""
    work = _Work(route, prefix, schemas)
    if route.contract is None:
        work.read_signature()
    else:
        work.read_contract(route.contract)
    work.read_responses()
    return work.finish()


class _Work:
    """One route being built."""

    def __init__(self, route: Declared, prefix: str, schemas: Schemas) -> None:
        self.route = route
        self.handler = route.handler
        self.options = route.options
        self.schemas = schemas
        path = prefix if prefix and route.path == "/" else prefix + route.path  # "/" in a router is its prefix itself
        self.place = f"{route.file}:{route.line}: {route.method} {path}"
        self.captures = dict.fromkeys(re.findall(r"\{\*?([^}:]+)(?::[^}]*)?\}", path))
        self.hints: dict[str, Any] = {}
        self.mistakes: list[str] = []
        self.parameters: list[JsonSchema] = []
        self.body: JsonSchema | None = None
        self.decoder: decode.Decoder | None = None
        self.arguments: list[Argument] = []
        self.keywords: list[str] = []
        self.responses: JsonSchema = {}
        self.status = self.options.get("status") or 200
        self.empty_status = self.options.get("status") or 204

    @contextlib.contextmanager
    def noting(self, about: str = "") -> Iterator[None]:
        """Collects the mistake of one part, so that the other parts are looked at too."""
        try:
            yield
        except (Mistake, SchemaError) as error:
            self.note(f"{about}{error}")

    def note(self, text: str) -> None:
        self.mistakes.append(f"{self.place}: {text}")

    # --- signature

    def read_signature(self) -> None:
        with self.noting():
            named = self.read_names()
            for name in [name for name in self.captures if name not in named]:
                close = difflib.get_close_matches(name, named, 1)
                hint = f'did you mean "{close[0]}"?' if close else f"write `{name}: str` in `{_name(self.handler)}`"
                self.note(f'"{name}" is in the path but not an argument of the handler; {hint}')
            for parameter in named.values():
                with self.noting():
                    self.read_argument(parameter)

    def read_names(self) -> Mapping[str, inspect.Parameter]:
        """The arguments by name; their annotations go to `hints`. Raises Mistake when they cannot be read."""
        try:
            function = inspect.unwrap(underlying(self.handler))
            self.hints = typing.get_type_hints(function, localns=dict(self.route.scope), include_extras=True)
            return inspect.signature(self.handler).parameters
        except NameError as error:
            raise Mistake(
                f"{error} in an annotation; import it at the top of the module, outside `if TYPE_CHECKING`"
            ) from None
        except (TypeError, ValueError) as error:
            raise Mistake(f"its signature cannot be read: {error}; write a function with annotations") from None

    def read_argument(self, parameter: inspect.Parameter) -> None:
        name = parameter.name
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise Mistake(f"`{parameter}` has no fixed names; take `request: Request` for what is not declared")
        hint = self.hints.get(name, parameter.annotation)
        if isinstance(parameter.default, Marker):
            marker = type(parameter.default).__name__
            shown = annotation.show(hint)
            raise Mistake(f'"{name}" has {marker}(...) as default; write `{name}: Annotated[{shown}, {marker}(...)]`')
        if hint is parameter.empty and name in self.captures:
            hint = str
        if hint is parameter.empty and name in UNTYPED:
            raise Mistake(f'"{name}" has no annotation; {UNTYPED[name]}')
        if hint is parameter.empty:
            raise Mistake(f'"{name}" has no annotation; write `{name}: str` for a query parameter')
        self.arguments.append(self.argument(name, annotation.read(hint), parameter.default))
        if parameter.kind is parameter.KEYWORD_ONLY:
            self.keywords.append(name)

    def argument(self, name: str, said: Annotation, default: Any) -> Argument:
        kind, markers = said.kind, said.markers
        if kind is Request:
            return Argument("request")  # its converter needs all parameters: `finish` adds it
        if len(markers) > 1:
            raise Mistake(f'"{name}" has {len(markers)} markers; write one of Query, Header, Cookie, Path, Body')
        marker = markers[0] if markers else None
        if name in self.captures or isinstance(marker, Path):
            if marker is not None and not isinstance(marker, Path):
                raise Mistake(
                    f'"{name}" is in the path and marked {type(marker).__name__}; rename one of them, or write Path()'
                )
            return self.parameter(name, said, marker or Path(), default)
        if isinstance(marker, Parameter):
            return self.parameter(name, said, marker, default)
        if isinstance(marker, Body) or annotation.is_object(kind):
            return self.read_body(name, said, marker, default)
        if annotation.is_scalar(kind) or annotation.is_scalar_list(kind):
            return self.parameter(name, said, Query(), default)
        if kind is Response:
            raise Mistake(f'"{name}: Response" is not given to handlers; return a Response')
        raise Mistake(
            f'"{name}: {said}" is neither a scalar nor a body type; '
            f"write `{name}: Annotated[{said}, Body()]` if it is the body"
        )

    # --- parameters

    def parameter(self, name: str, said: Annotation, marker: Parameter, default: Any) -> Argument:
        kind = said.kind
        place = marker.place
        wire = marker.alias or (name.replace("_", "-") if place == "header" else name)
        if place == "path" and wire not in self.captures:
            close = difflib.get_close_matches(wire, self.captures, 1)
            hint = f'did you mean "{close[0]}"?' if close else f"add `{{{wire}}}` to it"
            raise Mistake(f'parameter "{wire}" is not in the path; {hint}')
        if annotation.is_object(kind) and marker.schema is None:
            raise Mistake(f'"{name}: {said}" is an object, not for a {place}; mark it Body(), or take its members')
        if (kind in (dict, Any) or get_origin(kind) is dict) and marker.schema is None:
            raise Mistake(f'"{name}: {said}" has no text form; use a scalar, a date, UUID, Enum, or a list of them')
        schema = dict(marker.schema) if marker.schema is not None else self.schemas.of(said.with_constraints(marker))
        required = default is EMPTY and not said.optional
        fallback = None if default is EMPTY else default
        if place == "path" and not required:
            raise Mistake(f'"{name}" is in the path, so it is always sent; remove its default')
        if fallback is not None:
            schema |= {"default": plain(fallback)}
        spec: JsonSchema = {"name": wire, "in": place, "required": required, "schema": schema}
        described = marker.description or schema.pop("description", None)
        for key, value in (("style", marker.style), ("explode", marker.explode), ("description", described)):
            if value is not None:
                spec[key] = value
        if marker.deprecated:
            spec["deprecated"] = True
        self.parameters.append(spec)
        return Argument("parameter", len(self.parameters) - 1, _converter(kind, place, wire), fallback)

    # --- body

    def read_body(self, name: str, said: Annotation, marker: Marker | None, default: Any) -> Argument:
        kind = said.kind
        if self.body is not None:
            raise Mistake(
                f'"{name}" is a second body; a request has one: put both into one Struct, or mark this one Query()'
            )
        if self.route.method in ("GET", "HEAD"):
            raise Mistake(
                f'"{name}" is a body, and {self.route.method} requests have none (RFC 9110 section 9.3.1); '
                "use POST, PUT, PATCH or QUERY"
            )
        body = marker if isinstance(marker, Body) else Body()
        media = body.media_type or {str: "text/plain", bytes: "application/octet-stream"}.get(kind, "application/json")
        json = media == "application/json" or media.endswith("+json")
        if not json and kind not in (str, bytes):
            raise Mistake(f'"{name}: {said}" cannot be read from {media}; take bytes or str')
        # Left out is None; a null that was sent is only None where the default is something else.
        typed = said.with_constraints(body, nullable=said.optional and json and default not in (None, EMPTY))
        schema: Any = dict(body.schema) if body.schema is not None else self.schemas.of(typed) if json else True
        self.decoder = decode.decoder(typed) if json else decode.text_decoder(kind)
        self.body = {"content": {media: schema}, "required": default is EMPTY and not said.optional}
        if body.schema is not None:  # what it says is not what the type says
            self.decoder = dataclasses.replace(self.decoder, shape=None)
        fallback = None if default is EMPTY else default
        return Argument("body", 0, self.decoder.convert, fallback, self.decoder.shape)

    # --- contract first

    def read_contract(self, contract: dict[str, Any]) -> None:
        self.parameters = [dict(parameter) for parameter in contract.get("parameters") or ()]
        self.body = contract.get("body")
        self.hints = {}
        count = len(inspect.signature(self.handler).parameters)
        if count > 1:
            self.note(
                "a handler with `parameters=` or `body=` takes one argument, the Request; "
                "or leave them out and annotate the arguments"
            )
        if count:
            self.arguments = [Argument("request")]

    # --- responses

    def read_responses(self) -> None:
        returned = self.options.get("response", self.hints.get("return", inspect.Signature.empty))
        declared = self.options.get("responses") or {}
        if str(self.status) not in map(str, declared) or "response" in self.options:
            with self.noting(f"return annotation `{annotation.show(returned)}`: "):
                self.read_returned(returned)
        for status, what in declared.items():
            with self.noting(f"responses[{status!r}]: "):
                self.responses[str(status)] = self.response(what)

    def read_returned(self, returned: Any) -> None:
        if returned is inspect.Signature.empty and self.route.contract is not None:
            return
        kind = annotation.returned(returned)
        if kind in (None, types.NoneType):
            self.responses[str(self.empty_status)] = {}
            return
        key = str(self.status)
        if kind in (inspect.Signature.empty, Any, object, Response) or isinstance(kind, typing.TypeVar):
            self.responses[key] = {}
            return
        self.responses[key] = {"content": self.content(kind)}

    def content(self, kind: Any) -> JsonSchema:
        if kind is str:
            return {"text/plain; charset=utf-8": {"type": "string"}}
        if kind is bytes:
            return {"application/octet-stream": True}
        if get_origin(kind) in annotation.STREAMS:
            chunk = annotation.strip(get_args(kind)[0])
            if chunk is Any or set(get_args(chunk)) == {str, bytes}:
                chunk = bytes
            if chunk not in (str, bytes):
                raise Mistake(f"a stream gives bytes or str, not {annotation.show(chunk)}; encode its chunks")
            return self.content(chunk)
        return {"application/json": self.schemas.of(kind)}

    def response(self, what: Any) -> JsonSchema:
        """An entry of `responses`: a ResponseSpec, a type, a description, a Problem class, or None for no body."""
        if what is None:
            return {}
        if isinstance(what, str):
            return {"description": what}
        if isinstance(what, type) and issubclass(what, Problem):
            return {"description": what.title, "content": {"application/problem+json": True}}
        if isinstance(what, Mapping) and ("content" in what or "description" in what):
            entry = dict(what)
            if "content" in entry:
                entry["content"] = {
                    media: schema if isinstance(schema, bool) else self.schemas.of(schema)
                    for media, schema in entry["content"].items()
                }
            return entry
        return {"content": self.content(what)}

    # --- everything together

    def finish(self) -> Built:
        if self.options.get("blocking") and self.kind() == "async":
            self.note("an `async def` does not block; remove blocking=True, or write `def`")
        if self.options.get("hard_cancel") and self.kind() != "async":
            self.note("only an `async def` can be cancelled; remove hard_cancel=True")
        if self.mistakes:
            return Built(mistakes=self.mistakes)
        # The core appends what is in the path and not declared, in the path's order.
        declared = [(spec["in"], spec["name"]) for spec in self.parameters]
        names = (*declared, *(("path", name) for name in self.captures if ("path", name) not in declared))
        arguments = [
            dataclasses.replace(argument, convert=wrapper(names)) if argument.source == "request" else argument
            for argument in self.arguments
        ]
        call = Call(
            self.handler,
            self.kind(),
            arguments,
            self.keywords,
            bool(self.options.get("hard_cancel")),
        )
        return Built(self.spec(), call)

    def kind(self) -> Kind:
        if inspect.iscoroutinefunction(underlying(self.handler)):
            return "async"
        return "blocking" if self.options.get("blocking") else "sync"

    def spec(self) -> JsonSchema:
        options, route = self.options, self.route
        summary, _, description = (inspect.getdoc(self.handler) or "").partition("\n")
        spec: JsonSchema = {"method": route.method, "path": route.path, "handler": 0, "parameters": self.parameters}
        if self.body is not None:
            spec["body"] = self.body
            spec["decoder_validates"] = self.decoder is not None and self.decoder.shape is not None
        spec["responses"] = self.responses
        words = {
            "status": options.get("status"),
            "operation_id": options.get("operation_id"),
            "summary": options.get("summary") or summary.strip(),
            "description": options.get("description") or description.strip(),
        }
        spec |= {key: value for key, value in words.items() if value}
        spec["tags"] = list(options.get("tags") or ())
        spec["deprecated"] = bool(options.get("deprecated"))
        spec["hidden"] = not options.get("include_in_schema", True)
        spec["policy"] = policy(options)
        spec["declared"] = {"name": _name(self.handler), "file": route.file, "line": route.line}
        return spec


UNTYPED = {
    "request": "write `request: Request`",
    "self": "a method is registered bound: `app.get(path)(thing.method)`",
    "cls": "a method is registered bound: `app.get(path)(Thing.method)`",
}


def underlying(handler: Any) -> Any:
    """The function behind a handler: a partial's, a callable object's, or itself."""
    if inspect.isroutine(handler):
        return handler
    return underlying(handler.func) if hasattr(handler, "func") else type(handler).__call__


def place(handler: Any) -> tuple[str, int]:
    """File (relative to the current directory where it is below it) and line of a handler."""
    code = getattr(inspect.unwrap(underlying(handler)), "__code__", None)
    if code is None:
        return "", 0
    file = code.co_filename
    here = os.getcwd() + os.sep
    return file.removeprefix(here), code.co_firstlineno


def policy(options: Mapping[str, Any]) -> JsonSchema:
    """What a route, router or app may set; the nearest wins."""
    names = {
        "body_limit": "body_limit",
        "timeout_ms": "handler_timeout_ms",
        "egress": "egress",
        "additional_query": "additional_query",
        "concurrency": "concurrency",
    }
    said = {word: options[name] for name, word in names.items() if options.get(name) is not None}
    if options.get("auth") is not None:
        said["auth"] = ways(options["auth"])
    if options.get("rate_limit") is not None:
        said["rate_limit"] = limits(options["rate_limit"])
    return said


def _name(handler: Any) -> str:
    return getattr(handler, "__name__", None) or type(handler).__name__


def _converter(kind: Any, place: str, name: str) -> Callable[[Any], Any] | None:
    """From the core's plain value to the annotation; None where they are the same."""
    if kind in annotation.SCALARS or kind is list or get_origin(kind) is Literal:
        return None
    if get_origin(kind) is list and _converter(annotation.strip(get_args(kind)[0]), place, name) is None:
        return None
    if get_origin(kind) in (typing.Union, types.UnionType) and all(
        item in annotation.SCALARS for item in get_args(kind)
    ):
        return None

    def convert(value: Any) -> Any:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            # Only what text may say and Python cannot hold, for example the year 12026.
            raise decode.refusal(f"/{name}", "type", str(error), place) from None

    return convert
