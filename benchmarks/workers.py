"""Whether two workers of `spikard run` serve twice what one does, where a handler computes for some milliseconds.

Needs two processors that nothing else uses: the client takes little, since each answer costs its worker far more.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

import measure
import servers

BEGIN, END = "<!-- workers: begin -->", "<!-- workers: end -->"
BOUND = 1.9
CONNECTIONS = 32


def main() -> int:
    """Measures in turn and compares; 1 when two workers serve less than they should."""
    options = arguments(sys.argv[1:])
    command = shlex.split(options.python)
    with ExitStack() as stack:
        started = {count: stack.enter_context(servers.running(server(command, count))) for count in (1, 2)}
        rates: dict[int, list[float]] = {count: [] for count in started}
        for turn in range(options.rounds + 1):
            for count, (_, port, _) in started.items():
                url = f"http://127.0.0.1:{port}/compute"
                seconds = options.seconds if turn else 1  # turn 0 warms up
                requests = measure.wrk(url, connections=CONNECTIONS, seconds=seconds, script=None)
                if turn:
                    rates[count].append(requests / seconds)
            print(f"workers: round {turn} of {options.rounds}", file=sys.stderr, flush=True)
    ratio = statistics.median(two / one for one, two in zip(rates[1], rates[2], strict=True))
    told = tell({count: statistics.median(found) for count, found in rates.items()}, ratio)
    print(told)
    if options.write:
        write(Path(options.write), told)
    return int(ratio < BOUND)


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


def tell(rates: dict[int, float], ratio: float) -> str:
    """A table, as Markdown and for a person."""
    verdict = "reached" if ratio >= BOUND else "**not reached**"
    rows = [f"| {count} | {rate:.0f} |" for count, rate in rates.items()]
    head = ["| workers | requests/s |", "|---|---|"]
    processors = f"{os.cpu_count()} processors, {CONNECTIONS} connections"
    return "\n".join([*head, *rows, "", f"Ratio {ratio:.2f}, at least {BOUND:g}: {verdict} ({processors})."])


def write(document: Path, told: str) -> None:
    """Replaces what stands between the markers of `document`."""
    before, rest = document.read_text().split(BEGIN)
    document.write_text(f"{before}{BEGIN}\n{told}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    sys.exit(main())
