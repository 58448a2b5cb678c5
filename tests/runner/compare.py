"""Compares what came with what a fixture expects. Gives every difference as one line; sends nothing.

JSON by value with integers and floats told apart; headers by lower-case name, in order within a name; what a fixture
does not mention is ignored.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import brotli  # type: ignore[import-untyped]
import zstandard

from runner.cases import Case, Number, parse
from runner.wire import PATIENCE, Exchange, Response

PLACES = ("query", "path", "headers", "cookies")
# The fields that tell seconds until something, and these seconds, also in what a problem says of them.
TIMED = ("retry-after", "ratelimit")
SECONDS = re.compile(r"^\d+$|(?<=;t=)\d+|(?<= in )\d+(?= s$)")


def check(case: Case, exchange: Exchange, observed: Mapping[str, Any]) -> list[str]:
    """Every difference of one case; empty when it passes."""
    found = observe(case.observe, observed)
    wanted = [expect for expect in case.expects if "status" in expect or "any_of" in expect]
    if len(exchange.responses) != len(wanted):
        got = [response.status for response in exchange.responses]
        found.append(f"{len(wanted)} responses expected, got {len(got)}: {got}")
    for expect, response in zip(wanted, exchange.responses, strict=False):
        found += respond(expect, response, case.config)
    closed = next((expect["closed"] for expect in reversed(case.expects) if "closed" in expect), None)
    if closed is not None and closed != exchange.closed:
        found.append(f"the connection is {'closed' if exchange.closed else 'open'} afterwards")
    return found


def respond(expect: Mapping[str, Any], response: Response, config: Mapping[str, Any]) -> list[str]:
    """Differences of one response, by its content as it was before it was compressed."""
    if "any_of" in expect:
        tries = [respond(choice, response, config) for choice in expect["any_of"]]
        return [] if [] in tries else [f"none of {len(tries)} choices: {min(tries, key=len)[0]}"]
    found = []
    try:
        response = replace(response, body=decoded(response))
    except (OSError, EOFError, brotli.error, zstandard.ZstdError) as error:
        return [f"the body is not {response.all('content-encoding')}: {error}"]
    if response.status != expect["status"]:
        found.append(f"status {response.status}, expected {expect['status']}: {response.body[:300]!r}")
    for name, values in expect.get("headers", {}).items():
        values = [values] if isinstance(values, str) else values
        got = response.all(name)
        if got != values and (name not in TIMED or len(got) != len(values) or not all(map(same, got, values))):
            found.append(f"header {name}: {got}, expected {values}")
    found += [
        f"header {name} is there: {response.all(name)}"
        for name in expect.get("forbid_headers", [])
        if response.all(name)
    ]
    missing = [text for text in expect.get("text_has", []) if text.encode() not in response.body]
    found += [f"the body does not hold {text!r}: {response.body[:2000]!r}" for text in missing]
    found += [f"the body holds {text!r}" for text in expect.get("forbid_text", []) if text.encode() in response.body]
    if "interim" in expect and response.interim != expect["interim"]:
        found.append(f"interim responses {response.interim}, expected {expect['interim']}")
    return found + _body(expect, response, config)


def same(got: object, wanted: object) -> bool:
    """Equal, but for seconds that have gone by in a program that needs patience."""
    if got == wanted or PATIENCE == 1 or not (isinstance(got, str) and isinstance(wanted, str)):
        return got == wanted
    left = [int(wanted) - int(got) for got, wanted in zip(SECONDS.findall(got), SECONDS.findall(wanted), strict=False)]
    return SECONDS.sub("", got) == SECONDS.sub("", wanted) and all(0 <= gone <= PATIENCE for gone in left)


def decoded(response: Response) -> bytes:
    """The content without its codings (RFC 9110 section 8.4); as it is where there is none, as after HEAD."""
    body = response.body
    for coding in reversed(response.all("content-encoding") if body else []):
        match coding:
            case "gzip":
                body = gzip.decompress(body)
            case "br":
                body = brotli.decompress(body)
            case "zstd":
                body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return body


def _body(expect: Mapping[str, Any], response: Response, config: Mapping[str, Any]) -> list[str]:
    if "json" in expect:
        return _json(expect["json"], response.body, "body", exact=expect.get("exact_numbers", False))
    if "json_has" in expect:
        return _members(expect["json_has"], response.body)
    if "text" in expect:
        return _same(response.body, expect["text"].encode())
    if "base64" in expect:
        return _same(response.body, base64.b64decode(expect["base64"]))
    if "problem" in expect:
        return problem(expect["problem"], response, config)
    return []


def _same(got: bytes, wanted: bytes) -> list[str]:
    return [] if got == wanted else [f"body {got[:200]!r}, expected {wanted[:200]!r}"]


def _json(wanted: Any, body: bytes, where: str, *, exact: bool) -> list[str]:
    try:
        got = parse(body)
    except ValueError as error:
        return [f"{where} is not JSON ({error}): {body[:200]!r}"]
    return [] if equal(got, wanted, exact=exact) else [f"{where} {body[:300]!r}, expected {json.dumps(wanted)}"]


def _members(wanted: Mapping[str, Any], body: bytes) -> list[str]:
    """Values at JSON pointers."""
    found = []
    for pointer, value in wanted.items():
        try:
            at = parse(body)
            for token in pointer.split("/")[1:]:
                at = at[int(token)] if isinstance(at, list) else at[token.replace("~1", "/").replace("~0", "~")]
        except (ValueError, KeyError, IndexError, TypeError):
            found.append(f"{pointer} is not in the body: {body[:300]!r}")
            continue
        if not equal(at, value):
            found.append(f"{pointer} is {json.dumps(at)}, expected {json.dumps(value)}")
    return found


def equal(left: Any, right: Any, *, exact: bool = False) -> bool:
    """JSON equality: integers and floats differ, also true and 1; `exact` compares fractional numbers by their text."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key], exact=exact) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(equal(*pair, exact=exact) for pair in zip(left, right, strict=True))
    if exact and isinstance(left, Number) and isinstance(right, Number):
        return left.text == right.text
    if isinstance(left, float) and isinstance(right, float):
        return float(left) == float(right)
    return type(left) is type(right) and bool(left == right)


def problem(wanted: Mapping[str, Any], response: Response, config: Mapping[str, Any]) -> list[str]:
    """Differences of an RFC 9457 body; `errors` as a set."""
    try:
        got = parse(response.body)
    except ValueError:
        return [f"not a problem: {response.body[:200]!r}"]
    if not isinstance(got, dict):
        return [f"not a problem: {response.body[:200]!r}"]
    base = config.get("problem_base", "urn:spikard:problem:")
    must = {"code": wanted["code"], "status": wanted["status"], "type": base + wanted["code"]}
    must |= {key: wanted[key] for key in ("detail", "title", "truncated") if key in wanted}
    found = [
        f"{key} of the problem is {got.get(key)!r}, expected {value!r}"
        for key, value in must.items()
        if got.get(key) != value and not (key == "detail" and same(got.get(key), value))
    ]
    if response.status != wanted["status"]:
        found.append(f"the problem's status {wanted['status']} came with {response.status}")
    if response.all("content-type") != ["application/problem+json"]:
        found.append(f"a problem came as {response.all('content-type')}")
    if not isinstance(got.get("title"), str) or not got["title"]:
        found.append("the problem has no title")
    if [got.get("request_id")] != response.all("x-request-id"):
        found.append(f"request_id {got.get('request_id')!r} is not the header's {response.all('x-request-id')}")
    if "errors" in wanted:
        have = Counter(_entry(entry) for entry in got.get("errors", []))
        want = Counter(_entry(entry) for entry in wanted["errors"])
        if have != want:
            found.append(f"errors {sorted(have.elements())}, expected {sorted(want.elements())}")
    if "error_count" in wanted and len(got.get("errors", [])) != wanted["error_count"]:
        found.append(f"{len(got.get('errors', []))} errors, expected {wanted['error_count']}")
    return found


def _entry(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(entry.get("in")), str(entry.get("pointer")), str(entry.get("keyword"))


def observe(wanted: Mapping[str, Any], seen: Mapping[str, Any]) -> list[str]:
    """Differences of what the handler saw."""
    found = []
    if seen.get("called") != wanted["called"]:
        found.append(f"the handler was called {seen.get('called')} times, expected {wanted['called']}")
    for place in PLACES:
        if place in wanted and not same_tags(
            seen.get(place), {name: tag(value) for name, value in wanted[place].items()}
        ):
            found.append(f"the handler saw {place} {json.dumps(seen.get(place))}, expected {json.dumps(wanted[place])}")
    if "operation" in wanted and seen.get("operation") != wanted["operation"]:
        found.append(f"the operation was {seen.get('operation')}, expected {wanted['operation']}")
    if "body" in wanted and not same_tags(seen.get("body"), tag(wanted["body"])):
        found.append(
            f"the handler saw body {json.dumps(seen.get('body'))[:300]}, expected {json.dumps(wanted['body'])[:300]}"
        )
    if "body_base64" in wanted and seen.get("body") != {"bytes": wanted["body_base64"]}:
        found.append(
            f"the handler saw body {json.dumps(seen.get('body'))[:300]}, expected {wanted['body_base64'][:300]}"
        )
    for name, default in (("hooks", []), ("kept", ""), ("principal", None)):
        if (name in wanted or name != "hooks") and seen.get(name, default) != wanted.get(name, default):
            found.append(f"{name}: {json.dumps(seen.get(name))}, expected {json.dumps(wanted.get(name))}")
    if wanted.get("no_body") and seen.get("body") is not None:
        found.append(f"the handler saw a body: {json.dumps(seen['body'])[:300]}")
    return found


def tag(value: Any) -> dict[str, Any]:
    """A value as a recorder writes it."""
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": repr(float(value))}
    if isinstance(value, str):
        return {"str": value}
    if isinstance(value, list):
        return {"list": [tag(item) for item in value]}
    if isinstance(value, dict):
        return {"object": {key: tag(item) for key, item in value.items()}}
    return {"null": None}


def number(text: str) -> int | float:
    """An integer of any size, or a float."""
    return int(text) if text.removeprefix("-").isdigit() else float(text)


def same_tags(left: Any, right: Any) -> bool:
    """
    Tagged values are equal; floats by value, whatever their text (`1e3` and `1000.0`). A `number`, of a language that
    has one type for both, equals the integer or the float of its value.
    """
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() == {"number"} and right.keys() in ({"int"}, {"float"}):
            return number(left["number"]) == number(next(iter(right.values())))
        if left.keys() == right.keys() == {"float"}:
            return float(left["float"]) == float(right["float"])
        return left.keys() == right.keys() and all(same_tags(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_tags, left, right))
    return type(left) is type(right) and bool(left == right)
