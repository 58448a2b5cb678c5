"""Spikard beside its peers, in one interleaved run: CPU time per request. `--help` says how to read it."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

import measure
import report
import servers

SECONDS = 2


def main() -> int:
    """The whole run."""
    options = arguments()
    groups = {}
    if options.python:
        groups["Python"] = servers.python_servers(options.python.split())
    if options.rust:
        groups["Rust"] = servers.rust_servers(Path(options.rust))
    results = {name: compare(name, group, options) for name, group in groups.items()}
    verdicts = report.verdicts(results)
    if options.json:
        print(json.dumps({"results": results, "verdicts": [verdict.as_dict() for verdict in verdicts]}, indent=2))
    else:
        report.show(results, verdicts)
    if options.write:
        report.write(Path(options.write), results, verdicts, options.rounds)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="All servers run at the same time and are loaded in turn, forwards then backwards, so that noise falls "
        "on all of them; "
        "a figure is the median of the rounds, a ratio that of the rounds' ratios. Every answer is checked first.",
    )
    parser.add_argument(
        "--python", metavar="INTERPRETER", help="interpreter with spikard and its Python peers installed"
    )
    parser.add_argument("--rust", metavar="FOLDER", help="folder with the release binaries `spikard` and `axum`")
    parser.add_argument("--rounds", type=int, default=5, help=f"timed rounds per case of {SECONDS} s (default 5)")
    parser.add_argument("--case", action="append", help="only this case (repeatable)")
    parser.add_argument("--server", action="append", help="only this server (repeatable)")
    parser.add_argument("--json", action="store_true", help="print figures for machines")
    parser.add_argument("--write", metavar="FILE", help="put the tables into this document, between its markers")
    return parser.parse_args()


def compare(name: str, group: list[servers.Server], options: argparse.Namespace) -> report.Cases:
    """Figures by case and server."""
    group = [server for server in group if not options.server or server.name in options.server]
    cases = [case for case in servers.CASES if not options.case or case.name in options.case]
    with ExitStack() as stack:
        started = {server.name: stack.enter_context(servers.running(server)) for server in group}
        for server in group:
            servers.check(server, started[server.name][1])
        figures: report.Cases = {"start": {}}
        for server_name, (process, _, seconds) in started.items():
            figures["start"][server_name] = {"seconds": seconds, "idle_mb": measure.resident_mb(process.pid)}
        return figures | rounds(name, cases, started, options.rounds)


def rounds(name: str, cases: list[servers.Case], started: dict[str, servers.Started], count: int) -> report.Cases:
    """All cases on all servers in each round, so that a slow minute falls on all of them alike."""
    costs: dict[str, dict[str, list[measure.Cost]]] = {case.name: {server: [] for server in started} for case in cases}
    order = list(started)
    for turn in range(count + 1):
        for case in cases:
            for server in order if turn % 2 else reversed(order):
                process, port, _ = started[server]
                url = f"http://127.0.0.1:{port}{case.target}"
                seconds = SECONDS if turn else 1  # turn 0 warms up
                cost = measure.cost(process.pid, url, connections=case.connections, seconds=seconds, script=case.script)
                if turn:
                    costs[case.name][server].append(cost)
        print(f"{name}: round {turn} of {count}", file=sys.stderr)
    return {
        case.name: {server: figure(case, started[server], costs[case.name][server]) for server in started}
        for case in cases
    }


def figure(case: servers.Case, started: servers.Started, costs: list[measure.Cost]) -> report.Row:
    """What the rounds of one case on one server come to; its system calls are counted now."""
    process, port, _ = started
    url = f"http://127.0.0.1:{port}{case.target}"
    return {
        "cpu_us": statistics.median(cost.cpu_us for cost in costs),
        "lowest_us": min(cost.cpu_us for cost in costs),
        "switches": statistics.median(cost.switches for cost in costs),
        "system_calls": measure.system_calls(process.pid, url, connections=case.connections, script=case.script),
        "rounds_us": [cost.cpu_us for cost in costs],
    }


if __name__ == "__main__":
    sys.exit(main())
