"""How many requests in a time: limits of an app, a router or a route. The core counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class RateLimit:
    """At most `requests` in `window_ms`, at once or evenly: `RateLimit(100, 60_000)`; more are answered with 429.

    `by`: whose count together: `"address"` (of IPv6 a network of 64 bits), `"principal"` (`auth`; else the address),
    `"header"` with the field's name in `header`, `"all"`. `name`: what `RateLimit` fields of answers call it. Each
    worker counts for itself.
    """

    requests: int
    window_ms: int
    by: Literal["address", "principal", "header", "all"] = "address"
    header: str | None = None
    name: str | None = None


def limits(said: RateLimit | Iterable[RateLimit]) -> list[dict[str, Any]]:
    """As the core takes them. Raises TypeError."""
    listed = [said] if isinstance(said, RateLimit) else list(said)
    for limit in listed:
        if not isinstance(limit, RateLimit):
            raise TypeError(f"rate_limit takes RateLimit(requests, window_ms), or a list of them, not {limit!r}")
    return [{key: value for key, value in asdict(limit).items() if value is not None} for limit in listed]
