"""Whether two workers of `spikard run` serve twice what one does, where a handler computes for some milliseconds.

Needs two processors. What the client and other programs take of them is known from the scheduler: the time in which a
worker was ready to run and did not. Beside the rate as it was, the rate without that time is told, and counts.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import measure
import servers

BEGIN, END = "<!-- workers: begin -->", "<!-- workers: end -->"
BOUND = 1.9
CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Round:
    """One load of one server."""

    rate: float  # requests per second
    waited: float  # share of the time of its workers in which something else had their processor
    cpu_ms: float  # of a request

    @property
    def undisturbed(self) -> float:
        """Requests per second of a worker's own time."""
        return self.rate / (1 - self.waited)


def main() -> int:
    """Measures in turn and compares; 1 when two workers serve less than they should."""
    options = arguments(sys.argv[1:])
    command = shlex.split(options.python)
    with ExitStack() as stack:
        started = {count: stack.enter_context(servers.running(server(command, count))) for count in (1, 2)}
        rounds: dict[int, list[Round]] = {count: [] for count in started}
        for turn in range(options.rounds + 1):
            for count, (process, port, _) in started.items():
                done = load(process.pid, count, port, options.seconds if turn else 1)  # turn 0 warms up
                rounds[count] += [done] if turn else []
            print(f"workers: round {turn} of {options.rounds}", file=sys.stderr, flush=True)
    told, reached = tell(rounds)
    print(told)
    if options.write:
        write(Path(options.write), told)
    return int(not reached)


def load(pid: int, count: int, port: int, seconds: int) -> Round:
    """One round; the supervisor above the workers sleeps meanwhile, and its share is among theirs."""
    before = measure.usage(pid)
    requests = measure.wrk(measure.Load(f"http://127.0.0.1:{port}/compute", CONNECTIONS), seconds)
    after = measure.usage(pid)
    waited = (after.waited_ns - before.waited_ns) / 1e9 / seconds / count
    return Round(requests / seconds, waited, (after.cpu_ns - before.cpu_ns) / 1e6 / requests)


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="The two are loaded in turn, so that noise falls on both."
    )
    parser.add_argument("--python", metavar="INTERPRETER", default=sys.executable, help="interpreter with spikard")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds (default 5)")
    parser.add_argument("--seconds", type=int, default=3, help="how long each round loads, whole (default 3)")
    parser.add_argument("--write", metavar="FILE", help="put the figures into this document, between its markers")
    return parser.parse_args(given)


def server(python: list[str], count: int) -> servers.Server:
    """The benchmark's app with this many workers."""
    app = str(servers.HERE / "python/spikard_app.py")
    options = ["--port", "{port}", "--workers", str(count)]
    path = {"PYTHONPATH": str(servers.HERE / "python")}
    return servers.Server(f"{count} workers", [*python, "-m", "spikard", "run", app, *options], path)


def tell(rounds: dict[int, list[Round]]) -> tuple[str, bool]:
    """A table, as Markdown and for a person; whether the bound is reached."""

    def ratio(value: Callable[[Round], float]) -> float:
        return statistics.median(value(two) / value(one) for one, two in zip(rounds[1], rounds[2], strict=True))

    def row(count: int) -> str:
        values = [(done.rate, done.undisturbed, done.cpu_ms, 100 * done.waited) for done in rounds[count]]
        rate, undisturbed, cpu, waited = map(statistics.median, zip(*values, strict=True))
        return f"| {count} | {rate:.0f} | {waited:.1f} % | {undisturbed:.0f} | {cpu:.2f} |"

    head = [
        "| workers | requests/s | of their time, others had the processor | requests/s without that | ms CPU/request |"
    ]
    found = ratio(lambda done: done.undisturbed)
    verdict = "reached" if found >= BOUND else "**not reached**"
    processors = f"{os.cpu_count()} processors, {CONNECTIONS} connections"
    said = (
        f"Ratio {found:.2f}, at least {BOUND:g}: {verdict}; {ratio(lambda done: done.rate):.2f} with what others took"
    )
    return "\n".join([*head, "|---|---|---|---|---|", row(1), row(2), "", f"{said} ({processors})."]), found >= BOUND


def write(document: Path, told: str) -> None:
    """Replaces what stands between the markers of `document`."""
    before, rest = document.read_text().split(BEGIN)
    document.write_text(f"{before}{BEGIN}\n{told}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    sys.exit(main())
