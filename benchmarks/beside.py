"""What a Ruby server and a thread that computes in the same process leave each other: requests and turns per second.

Ruby runs one thread at a time and takes the lock from one that computes after 100 ms.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import measure
import servers

BEGIN, END = "<!-- beside: begin -->", "<!-- beside: end -->"
NAMES = ("spikard", "puma")


def main() -> int:
    """Loads each server with and without the thread, in turn."""
    options = arguments(sys.argv[1:])
    both = apps(Path(options.ruby))
    rates: dict[tuple[str, bool], list[float]] = {(name, computes): [] for name in NAMES for computes in (False, True)}
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES}
    for number in range(1, options.rounds + 1):
        for server, computes in product(both, (False, True)):
            # One at a time: a thread that computes would take a processor from the others.
            with servers.running(with_thread(server) if computes else server) as (_, port, _):
                under_load(port, 1)  # warms up
                free = rate_of_turns(port, options.seconds) if computes else 0.0
                rate, busy = under_load(port, options.seconds)
            rates[server.name, computes].append(rate)
            turns[server.name] += [(free, busy)] if computes else []
        print(f"beside: round {number} of {options.rounds}", file=sys.stderr, flush=True)
    told = "\n".join([*HEAD, *rows(rates, turns)])
    print(told)
    if options.write:
        document = Path(options.write)
        before, rest = document.read_text().split(BEGIN)
        document.write_text(f"{before}{BEGIN}\n{told}\n{END}{rest.split(END)[1]}")
    return 0


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ruby", metavar="FOLDER", required=True, help="GEM_HOME with spikard")
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds (default 3)")
    parser.add_argument("--seconds", type=int, default=2, help="how long each round loads, whole (default 2)")
    parser.add_argument("--write", metavar="FILE", help="put the figures into this document, between its markers")
    return parser.parse_args(given)


def apps(home: Path) -> list[servers.Server]:
    """The two servers, each with the small app of this comparison."""
    changed = {"spikard_app.rb": "beside_app.rb", "rack_app.ru": "beside_app.ru"}

    def beside(word: str) -> str:
        path = Path(word)
        return str(path.with_name(changed[path.name])) if path.name in changed else word

    both = servers.ruby_servers(home, None)
    return [replace(server, command=[beside(word) for word in server.command]) for server in both]


def with_thread(server: servers.Server) -> servers.Server:
    return replace(server, env={**server.env, "COMPUTES": "1"})


def under_load(port: int, seconds: int) -> tuple[float, float]:
    """Requests and turns per second."""
    before, begin = turns_so_far(port), time.perf_counter()
    requests = measure.wrk(measure.Load(f"http://127.0.0.1:{port}/json", patience=60), seconds)
    after, took = turns_so_far(port), time.perf_counter() - begin
    return requests / seconds, (after - before) / took


def rate_of_turns(port: int, seconds: int) -> float:
    """Turns per second while nobody asks."""
    before, begin = turns_so_far(port), time.perf_counter()
    time.sleep(seconds)
    return (turns_so_far(port) - before) / (time.perf_counter() - begin)


def turns_so_far(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/turns")
        turns: int = json.loads(connection.getresponse().read())["turns"]
        return turns
    finally:
        connection.close()


HEAD = [
    "| server | requests/s alone | beside the thread | of those | the thread's turns under load, of those without |",
    "|---|---|---|---|---|",
]


def rows(rates: dict[tuple[str, bool], list[float]], turns: dict[str, list[tuple[float, float]]]) -> Iterator[str]:
    """Medians of the rounds and of their ratios."""
    for name in NAMES:
        alone, beside = rates[name, False], rates[name, True]
        kept = statistics.median(b / a for a, b in zip(alone, beside, strict=True))
        share = statistics.median(busy / free for free, busy in turns[name])
        middle = statistics.median
        yield f"| {name} | {middle(alone):.0f} | {middle(beside):.0f} | {100 * kept:.0f} % | {100 * share:.0f} % |"


if __name__ == "__main__":
    sys.exit(main())
