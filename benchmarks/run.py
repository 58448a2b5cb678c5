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
        "on all of them; a figure is the median of the rounds. Every answer is checked before it is timed.",
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


def compare(
    name: str, group: list[servers.Server], options: argparse.Namespace
) -> dict[str, dict[str, dict[str, float]]]:
    """Figures by case and server."""
    figures: dict[str, dict[str, dict[str, float]]] = {}
    group = [server for server in group if not options.server or server.name in options.server]
    with ExitStack() as stack:
        started = {server.name: stack.enter_context(servers.running(server)) for server in group}
        for server in group:
            servers.check(server, started[server.name][1])
        idle = {server: measure.resident_mb(process.pid) for server, (process, _, _) in started.items()}
        figures["start"] = {s: {"seconds": seconds, "idle_mb": idle[s]} for s, (_, _, seconds) in started.items()}
        for case in servers.CASES:
            if not options.case or case.name in options.case:
                figures[case.name] = rounds(name, case, started, options.rounds)
    return figures


def rounds(
    name: str, case: servers.Case, started: dict[str, servers.Started], count: int
) -> dict[str, dict[str, float]]:
    """One case on all servers, interleaved."""
    costs: dict[str, list[measure.Cost]] = {server: [] for server in started}
    order = list(started)
    for turn in range(count + 1):
        for server in order if turn % 2 else reversed(order):
            process, port, _ = started[server]
            url = f"http://127.0.0.1:{port}{case.target}"
            seconds = SECONDS if turn else 1  # turn 0 warms up
            pid = process.pid
            cost = measure.cost(pid, url, connections=case.connections, seconds=seconds, script=case.script)
            if turn:
                costs[server].append(cost)
        print(f"{name}: {case.name}: round {turn} of {count}", file=sys.stderr)
    found = {}
    for server, list_ in costs.items():
        process, port, _ = started[server]
        calls = measure.system_calls(
            process.pid,
            f"http://127.0.0.1:{port}{case.target}",
            connections=case.connections,
            script=case.script,
        )
        found[server] = {
            "cpu_us": statistics.median(cost.cpu_us for cost in list_),
            "lowest_us": min(cost.cpu_us for cost in list_),
            "switches": statistics.median(cost.switches for cost in list_),
            "system_calls": calls,
        }
    return found


if __name__ == "__main__":
    sys.exit(main())
