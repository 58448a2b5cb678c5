"""Reads fixture files into cases: expands `matrix` and `fill`, builds the bytes to send. Sends and judges nothing.

`load(root)` gives the cases of a fixture folder; `Case` says what is sent, what the handler does, what must come of it.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from runner import tree

ROOT = Path(__file__).resolve().parent.parent / "fixtures"
NOT_CASES = {"fixture.schema.json", "compare-vectors.json"}
VARIABLE = re.compile(r"\$\{([A-Za-z_][\w.]*)\}")
DEFAULT_REPLY: dict[str, Any] = {"status": 204}
DEFAULT_TYPES = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "form": "application/x-www-form-urlencoded",
}


class Number(float):
    """A number with a fraction or an exponent that remembers its source text, for `exact_numbers`."""

    text: str

    def __new__(cls, text: str) -> Number:
        number = super().__new__(cls, text)
        number.text = text
        return number


@dataclass(frozen=True, slots=True)
class Case:
    """One case after expansion."""

    id: str
    contract: str
    """Path below the fixture folder."""
    document: dict[str, Any]
    """The contract itself."""
    config: dict[str, Any]
    operation: str | None
    requires: list[str]
    """What a platform may lack; the recorder says so."""
    wire: bool
    """Needs a socket: pauses or several writes."""
    draining: bool
    """The end of the request arrives after the program was told to stop."""
    request: dict[str, Any]
    sends: list[bytes]
    """What to write; before each but the first an interim response is awaited."""
    split: int
    """Written in pieces of this many bytes; 0 for all at once."""
    half_close: bool
    """The client ends its side after the last byte."""
    reply: dict[str, Any]
    hooks: dict[str, Any]
    """What hooks do, by the name that the contract gives them and their moment."""
    observe: dict[str, Any]
    expects: list[dict[str, Any]]
    """One per response, in order."""

    @property
    def area(self) -> str:
        """The first part of the id: a row of the parity table."""
        return self.id.partition("/")[0]

    @property
    def group(self) -> str:
        """Cases with the same value share a recorder; one that ends its recorder has it alone."""
        return json.dumps([self.contract, self.config, self.id if self.draining else ""], sort_keys=True)

    def method(self, index: int) -> str:
        """Method that response `index` answers: a response to HEAD has no body."""
        said: str = self.expects[index].get("method") or self.request.get("method") or "GET"
        return said


def files(root: Path = ROOT) -> list[Path]:
    """Every fixture file."""
    return sorted(
        path for path in root.rglob("*.json") if path.name not in NOT_CASES and path.parent != root / "contracts"
    )


def parse(text: str | bytes) -> Any:
    """JSON whose fractional numbers keep their text."""
    return json.loads(text, parse_float=Number)


def load(root: Path = ROOT) -> list[Case]:
    """Every case of every file, in order of id."""
    contracts: dict[str, dict[str, Any]] = {}
    found = []
    for path in files(root):
        source = parse(path.read_text())
        name = source["contract"]
        if name not in contracts:
            contracts[name] = contract(root / name)
        found += [build(variant, contracts[name]) for variant in expand(source)]
    return found


def contract(path: Path) -> dict[str, Any]:
    """A contract, its files laid out."""
    document: dict[str, Any] = parse(path.read_text())
    return tree.lay_out(document)


def expand(source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The fixture once per combination of its matrix; ids get `[name=value]`."""
    fill = {name: made["text"] * made["times"] for name, made in source.get("fill", {}).items()}
    matrix: dict[str, list[Any]] = source.get("matrix", {})
    for combination in itertools.product(*matrix.values()):
        values = dict(zip(matrix, combination, strict=True))
        label = ",".join(f"{name}={_label(value)}" for name, value in values.items())
        filled = {
            key: _substitute(value, fill | values)
            if key in {"request", "observe", "reply", "hooks", "expect", "config"}
            else value
            for key, value in source.items()
        }
        yield filled | {"id": f"{source['id']}[{label}]" if label else source["id"]}


def _label(value: Any) -> str:
    if isinstance(value, dict) and value and isinstance(first := next(iter(value.values())), str):
        value = first
    text = value if isinstance(value, str) else json.dumps(value)
    return text if text.isprintable() else json.dumps(text)


def _substitute(value: Any, values: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {_substitute(key, values): _substitute(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_substitute(item, values) for item in value]
    if not isinstance(value, str):
        return value
    whole = VARIABLE.fullmatch(value)
    if whole:
        return _value(whole[1], values)
    return VARIABLE.sub(lambda match: str(_value(match[1], values)), value)


def _value(path: str, values: dict[str, Any]) -> Any:
    name, *members = path.split(".")
    found = values[name]
    for member in members:
        found = found[member]
    return found


def build(source: dict[str, Any], document: dict[str, Any]) -> Case:
    """A case of an expanded fixture."""
    request, expect = source["request"], source["expect"]
    sends = [message(request)]
    if "after_continue" in request:
        sends.append(request["after_continue"].encode("latin-1"))
    return Case(
        id=source["id"],
        contract=source["contract"],
        document=document,
        config=source.get("config", {}),
        operation=source.get("operation"),
        requires=source.get("requires", []),
        wire=source.get("wire", False),
        draining=source.get("draining", False),
        request=request,
        sends=sends,
        split=request.get("split", 0),
        half_close=request.get("half_close", False),
        reply=source.get("reply", DEFAULT_REPLY),
        hooks=source.get("hooks", {}),
        observe=source["observe"],
        expects=[expect, *expect.get("then", [])],
    )


def message(request: dict[str, Any]) -> bytes:
    """The request as bytes; `host`, `content-type` and `content-length` are added unless the fixture sets them."""
    if "raw" in request:
        return base64.b64decode(request["raw"])
    if "raw_text" in request:
        text: str = request["raw_text"]
        return text.encode("latin-1")
    content_type, body = content(request.get("body"))
    fields: list[tuple[str, str]] = [(name, value) for name, value in request.get("headers", [])]
    given = {name.lower() for name, _ in fields}
    automatic = [
        ("host", "fixtures.test"),
        ("content-type", content_type),
        ("content-length", None if body is None or "transfer-encoding" in given else str(len(body))),
    ]
    fields[:0] = [(name, value) for name, value in automatic if value is not None and name not in given]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"{request['method']} {request['target']} HTTP/1.1\r\n{head}\r\n".encode() + (body or b"")


def content(body: dict[str, Any] | None) -> tuple[str | None, bytes | None]:
    """Default content type and bytes of a request body; `content_type: null` leaves the type out."""
    if body is None:
        return None, None
    kind = next(kind for kind in ("json", "text", "base64", "form") if kind in body)
    value = body[kind]
    encoded = {
        "json": lambda: dump(value).encode(),
        "text": lambda: str(value).encode(),
        "base64": lambda: base64.b64decode(value),
        "form": lambda: urlencode([tuple(pair) for pair in value]).encode(),
    }[kind]()
    return body.get("content_type", DEFAULT_TYPES.get(kind)), encoded


def dump(value: Any) -> str:
    """Compact JSON; numbers that came from a fixture keep their text."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
