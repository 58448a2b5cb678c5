"""What a client sees of a response, without what is new each time: the date and the request's id. Sends nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from runner.compare import decoded
from runner.wire import Exchange

MASKED = {"date", "x-request-id"}
# How a number is written is each language's own: 7.0 and 7, 1e-7 and 1.0e-7. Strings are matched to be left alone.
NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?')
# Only in debug: where the handler failed, in the words of its language.
CAUSE = re.compile(rb'"cause":"(?:[^"\\]|\\.)*"')
# Of metrics: which process counted, how long requests took, and how long the answers were that told it.
METRICS = "text/plain; version=0.0.4"
WORKER = re.compile(rb'worker="[^"]*"')
TAKEN = re.compile(
    rb'^(http_request_duration_seconds_(?:bucket|sum)\{.*\}|http_response_body\w+\{route="/metrics".*\}) \S+$',
    re.MULTILINE,
)
JSON = re.compile(r"application/(?:[^;]*\+)?json\b")


@dataclass(frozen=True, slots=True)
class Sight:
    """All that one connection brought; equal to what cannot be told apart from it."""

    responses: tuple[tuple[int, tuple[int, ...], tuple[tuple[str, str], ...], bytes], ...]
    closed: bool

    @classmethod
    def of(cls, exchange: Exchange) -> Self:
        responses = []
        for response in exchange.responses:
            body, masked = decoded(response), MASKED
            for id in response.all("x-request-id"):
                body = body.replace(id.encode(), b"(id)")
            if any(JSON.match(value) for value in response.all("content-type")):
                body = CAUSE.sub(b'"cause":"(masked)"', NUMBER.sub(number, body))
                masked = MASKED | {"content-length"}  # that it is the body's, the reader has seen
            if any(value.startswith(METRICS) for value in response.all("content-type")):
                body = TAKEN.sub(rb"\1 (masked)", WORKER.sub(b'worker="(masked)"', body))
                masked = MASKED | {"content-length"}
            # The order of fields of different names means nothing (RFC 9110 section 5.3).
            headers = sorted(
                [(name, "(masked)" if name in masked else value) for name, value in response.headers],
                key=lambda field: field[0],
            )
            responses.append((response.status, tuple(response.interim), tuple(headers), body))
        return cls(tuple(responses), exchange.closed)

    def __str__(self) -> str:
        return f"{self.responses!r}{' and the end' if self.closed else ''}"


def number(match: re.Match[bytes]) -> bytes:
    """A number by its value, anything else as it is."""
    text = match[0]
    if text.startswith(b'"') or text.lstrip(b"-").isdigit():
        return text
    value = float(text)
    return (str(int(value)) if value.is_integer() else repr(value)).encode()


def differences(seen: Mapping[str, Sight]) -> list[str]:
    """One line per kind of answer where there are several, with the languages that gave it."""
    kinds: dict[Sight, list[str]] = {}
    for language, sight in seen.items():
        kinds.setdefault(sight, []).append(language)
    return [f"{', '.join(languages)}: {sight}" for sight, languages in kinds.items()] if len(kinds) > 1 else []
