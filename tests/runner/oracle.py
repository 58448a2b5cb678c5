"""An independent opinion: recomputes accept or reject for every case with a schema by `jsonschema`, without Spikard.

Says nothing about HTTP: syntax, media types, limits and routes are left to the fixtures themselves.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import jsonschema

from runner.cases import Case, content
from runner.rules import operations

INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
CAPTURE = re.compile(r"\{(\*?)(\w+)(?::(\w+))?\}")
SEPARATORS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
FORMATS = {
    "date-time": re.compile(
        r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)"
    ),
    "time": re.compile(r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)"),
    "duration": re.compile(r"P(?=[\dT])(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?)"),
    "uri": re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!-~]*"),
    "hostname": re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*"),
    "email": re.compile(r"[^@\s]+@[^@\s]+"),
}
SHORTHANDS: dict[str, dict[str, str]] = {"int": {"type": "integer"}}
ABSENT = object()
CHECKER = jsonschema.FormatChecker()


def _of(pattern: re.Pattern[str]) -> Any:
    return lambda value: not isinstance(value, str) or pattern.fullmatch(value) is not None


for _name, _pattern in FORMATS.items():
    CHECKER.checks(_name)(_of(_pattern))


@CHECKER.checks("date-time", raises=ValueError)
def _date_time(value: object) -> bool:
    if isinstance(value, str):
        datetime.date.fromisoformat(value[:10])
    return not isinstance(value, str) or FORMATS["date-time"].fullmatch(value) is not None


def _multiple(validator: Any, factor: Any, value: Any, schema: Any) -> Iterable[jsonschema.ValidationError]:
    """In decimal arithmetic: 4.35 is a multiple of 0.01."""
    if isinstance(value, int | float) and not isinstance(value, bool) and Decimal(str(value)) % Decimal(str(factor)):
        yield jsonschema.ValidationError("not a multiple")


def _pattern_keyword(validator: Any, pattern: str, value: Any, schema: Any) -> Iterable[jsonschema.ValidationError]:
    """As ECMA-262: `$` is the very end, `\\d` is ASCII."""
    if isinstance(value, str) and not re.search(pattern.replace("$", "\\Z"), value, re.ASCII):
        yield jsonschema.ValidationError("no match")


VALIDATOR = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator, {"multipleOf": _multiple, "pattern": _pattern_keyword}
)


def judge(cases: Iterable[Case]) -> tuple[int, list[str]]:
    """How many cases it has an opinion on, and where that is another than the fixture's."""
    judged = 0
    disagreements = []
    for case in cases:
        for what, opinion, expected in _opinions(case):
            judged += 1
            if opinion != expected:
                words = {True: "accepts", False: "refuses"}
                disagreements.append(
                    f"{case.id}: the oracle {words[opinion]} the {what}, the fixture {words[expected]} it"
                )
    return judged, disagreements


def _opinions(case: Case) -> Iterable[tuple[str, bool, bool]]:
    operation: Mapping[str, Any] | None = operations(case.document).get(case.operation or "")
    expect = case.expects[0]
    if operation is None or "method" not in case.request:
        return
    statuses = {choice.get("status") for choice in expect.get("any_of", [expect])}
    called = case.observe["called"] > 0
    if called or statuses == {422}:
        yield "request", _request(case, operation), called
    code = expect.get("problem", {}).get("code")
    enforced = (
        case.config.get("egress", "enforce")
        == operation.get("x-spikard-policy", {}).get("egress", "enforce")
        == "enforce"
    )
    reply = case.reply.get("json", case.reply.get("value", ABSENT))
    schema = _response_schema(operation, case.reply.get("status", operation.get("x-spikard-status", 200)))
    if called and enforced and reply is not ABSENT and schema is not None and "problem" not in case.reply:
        yield "response", _fits(reply, schema, case), code != "response-invalid" and statuses != {500}


def _response_schema(operation: Mapping[str, Any], status: int) -> Any:
    responses = operation.get("responses", {})
    for name in (str(status), f"{status // 100}XX", "default"):
        if name in responses:
            return responses[name].get("content", {}).get("application/json", {}).get("schema")
    return None


def _fits(value: Any, schema: Any, case: Case) -> bool:
    root = {"components": case.document.get("components", {})}
    schema = {"$ref": schema["$ref"]} | root if isinstance(schema, dict) and "$ref" in schema else schema
    schema = schema | root if isinstance(schema, dict) else schema
    return bool(VALIDATOR(schema, format_checker=CHECKER).is_valid(value))


def _request(case: Case, operation: Mapping[str, Any]) -> bool:
    sent = _sent(case)
    good = all(
        _parameter(case, parameter, sent) for parameter in [*operation.get("parameters", []), *_shorthands(case)]
    )
    if (case.config | operation.get("x-spikard-policy", {})).get("additional_query") == "reject":
        known = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"}
        good = good and {name for name, _ in sent["query"]} <= known
    return good and _body(case, operation)


def _shorthands(case: Case) -> list[dict[str, Any]]:
    """Parameters that a template types itself: `{id:int}`."""
    return [
        {"name": name, "in": "path", "schema": SHORTHANDS[kind]}
        for template, item in _templates(case.document, "")
        if any(operation["operationId"] == case.operation for operation in item.values())
        for _, name, kind in CAPTURE.findall(template)
        if kind
    ]


def _sent(case: Case) -> dict[str, list[tuple[str, str]]]:
    """Every raw pair of each place; those of the path by the contract's template."""
    path, _, query = case.request["target"].partition("?")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    headers = [(name.lower(), value.strip(" \t")) for name, value in case.request.get("headers", [])]
    cookies = [
        crumb.strip().partition("=") for name, value in headers if name == "cookie" for crumb in value.split(";")
    ]
    return {
        "query": [(_decode(name.replace("+", " ")), _decode(value.replace("+", " "))) for name, _, value in pairs],
        "header": headers,
        "cookie": [(name, value) for name, _, value in cookies],
        "path": _path(case, path),
    }


def _path(case: Case, path: str) -> list[tuple[str, str]]:
    """Values of the last template that fits and has the case's operation."""
    for template, item in _templates(case.document, ""):
        if not any(operation["operationId"] == case.operation for operation in item.values()):
            continue
        names = [name for _, name, _ in CAPTURE.findall(template)]
        literals = CAPTURE.sub("\0", template).split("\0")
        groups = ["(.+)" if star else "([^/]+)" for star, _, _ in CAPTURE.findall(template)]
        pattern = "".join(re.escape(quote(text)) + group for text, group in zip(literals, [*groups, ""], strict=True))
        match = re.fullmatch(pattern, path)
        if match:
            return list(zip(names, map(_decode, match.groups()), strict=True))
    return []


def _templates(of: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for template, item in of.get("paths", {}).items():
        yield (prefix + template).rstrip("/") or "/", item
    for group in [*of.get("x-spikard-groups", []), *of.get("groups", [])]:
        yield from _templates(group, prefix + group["prefix"])


def _decode(text: str) -> str:
    return unquote_to_bytes(text).decode()


def _parameter(case: Case, parameter: Mapping[str, Any], sent: Mapping[str, list[tuple[str, str]]]) -> bool:
    place, name = parameter["in"], parameter["name"]
    key = name.lower() if place == "header" else name
    found = [value for other, value in sent[place] if other == key]
    schema = parameter.get("schema", {"type": "string"})
    if not found:
        return not parameter.get("required", False)
    if schema.get("type") == "array":
        style = parameter.get("style", "form" if place in ("query", "cookie") else "simple")
        if style != "form" or not parameter.get("explode", True):
            found = [
                item.strip(" \t") if place == "header" else item
                for text in found
                for item in text.split(SEPARATORS[style])
            ]
        return _fits([_typed(text, schema["items"]) for text in found], schema, case)
    return len(found) == 1 and _fits(_typed(found[0], schema), schema, case)


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    """Text to value by the schema; what does not follow its grammar stays text, which the schema then refuses."""
    if "anyOf" in schema:
        return next((value for one in schema["anyOf"] if not isinstance(value := _typed(text, one), str)), text)
    types = schema.get("type", "string")
    for kind in [types] if isinstance(types, str) else types:
        if kind == "integer" and INTEGER.fullmatch(text):
            return int(text)
        if kind == "number" and NUMBER.fullmatch(text):
            return float(text)
        if kind == "boolean" and text in BOOLEANS:
            return BOOLEANS[text]
    return text


def _body(case: Case, operation: Mapping[str, Any]) -> bool:
    declared = operation.get("requestBody")
    if declared is None:
        return True
    content_type, body = content(case.request.get("body"))
    if not body:
        return not declared.get("required", False)
    given = next(
        (value for name, value in case.request.get("headers", []) if name.lower() == "content-type"), content_type
    )
    essence = (given or "").partition(";")[0].strip().lower()
    schema = next(
        (said.get("schema", True) for media, said in declared["content"].items() if _takes(media, essence)), True
    )
    if essence == "application/json" or essence.endswith("+json"):
        return _fits(json.loads(body), schema, case)
    return not essence.startswith("text/") or _fits(body.decode(), schema, case)


def _takes(media: str, essence: str) -> bool:
    if media.endswith("*"):
        return essence.startswith(media[:-1])
    return media == essence or (media == "application/json" and essence.endswith("+json"))
