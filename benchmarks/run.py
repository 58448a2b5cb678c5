"""Spikard beside its peers, in one interleaved run: CPU time per request. `--help` says how to read it."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import statistics
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import measure
import report
import servers
from servers import Case


@dataclass(frozen=True, slots=True)
class Language:
    """What is started for a language, and what it was made with."""

    servers: list[servers.Server]
    versions: list[str]
    cases: list[Case]


def main() -> int:
    """The whole run."""
    options = arguments(sys.argv[1:])
    groups = languages(options)
    announce(options, groups)
    results = {name: compare(name, group, options) for name, group in groups.items()}
    verdicts = report.verdicts(results)
    versions = {name: group.versions for name, group in groups.items()}
    if options.json:
        told = {"versions": versions, "results": results, "verdicts": [verdict.as_dict() for verdict in verdicts]}
        print(json.dumps(told, indent=2))
    else:
        report.show(results, verdicts)
    if options.write:
        report.write(Path(options.write), results, verdicts, extent(options), versions)
    return 0


def languages(options: argparse.Namespace) -> dict[str, Language]:
    """The languages whose option was given."""
    groups = {}
    beside = Path(options.rust) if options.rust else None
    if options.python:
        python = shlex.split(options.python)
        groups["Python"] = Language(servers.python_servers(python), servers.python_versions(python), servers.CASES)
    if options.rust:
        rust = Path(options.rust)
        groups["Rust"] = Language(servers.rust_servers(rust), servers.rust_versions(), servers.CASES)
    if options.files:
        nginx = [servers.nginx_version()]
        groups["Files"] = Language(servers.file_servers(Path(options.files)), nginx, servers.FILE_CASES)
    if options.node:
        node = shutil.which("node", path=options.node_path) or sys.exit("bench: no node on PATH")
        project = Path(options.node)
        apps = servers.node_servers(node, project, beside)
        groups["Node"] = Language(apps, servers.node_versions(node, project), servers.CASES)
    if options.php:
        groups["PHP"] = Language(servers.php_servers(Path(options.php)), servers.php_versions(), servers.CASES)
    if options.ruby:
        ruby = servers.ruby_servers(Path(options.ruby), beside)
        groups["Ruby"] = Language(ruby, servers.ruby_versions(), servers.CASES)
    return groups


def arguments(given: list[str]) -> argparse.Namespace:
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
    parser.add_argument("--files", metavar="FOLDER", help="folder with the release binary `files`; beside it, nginx")
    parser.add_argument(
        "--node",
        metavar="FOLDER",
        help="npm project with the apps of benchmarks/node, spikard and its peers; with --rust, its app too",
    )
    parser.add_argument("--node-path", metavar="PATH", help="folder of the `node` that runs it; default: by PATH")
    parser.add_argument("--php", metavar="FOLDER", help="Composer project with the apps of benchmarks/php and spikard")
    parser.add_argument("--ruby", metavar="FOLDER", help="GEM_HOME with spikard; with --rust too, its app runs beside")
    cases = [case.name for case in servers.CASES + servers.FILE_CASES]
    parser.add_argument("--rounds", type=positive, default=5, help="timed rounds per case (default 5)")
    parser.add_argument("--seconds", type=positive, default=2, help="how long each round loads, whole (default 2)")
    parser.add_argument("--case", action="append", choices=cases, help="only this case (repeatable)")
    parser.add_argument("--server", action="append", metavar="NAME", help="only this server (repeatable)")
    parser.add_argument(
        "--threads", type=int, choices=[1, 2], default=2, help="of wrk at most (default 2, and 1 for cases that wait)"
    )
    parser.add_argument("--json", action="store_true", help="print figures for machines on standard output")
    parser.add_argument(
        "--write", metavar="FILE", help="put the tables into this document, each language's between its markers"
    )
    options = parser.parse_args(given)
    if options.case or options.server or options.threads == 1:
        options.write = None  # a document with half of the rows, or by another load, would pass for the whole
    return options


def positive(given: str) -> int:
    number = int(given)
    if number < 1:
        raise argparse.ArgumentTypeError("write 1 or more")
    return number


def announce(options: argparse.Namespace, groups: dict[str, Language]) -> None:
    """What comes and what is written at the end."""
    cases = sum(len(chosen(language, options)) for language in groups.values())
    goes = f"the tables replace those of {options.write}" if options.write else "no document is written"
    print(f"bench: {extent(options)} over {cases} cases; {goes}", file=sys.stderr, flush=True)


def chosen(language: Language, options: argparse.Namespace) -> list[Case]:
    """The cases that are asked for."""
    return [case for case in language.cases if not options.case or case.name in options.case]


def extent(options: argparse.Namespace) -> str:
    return f"{options.rounds} round{'s' if options.rounds > 1 else ''} of {options.seconds} s"


def compare(name: str, language: Language, options: argparse.Namespace) -> report.Cases:
    """Figures by case and server."""
    group = [server for server in language.servers if not options.server or server.name in options.server]
    cases = chosen(language, options)
    with ExitStack() as stack:
        started = {server.name: stack.enter_context(servers.running(server)) for server in group}
        for server in group:
            servers.check(server, started[server.name][1], language.cases)
        figures: report.Cases = {"start": {}}
        for server_name, (process, _, seconds) in started.items():
            figures["start"][server_name] = {"seconds": seconds, "idle_mb": measure.resident_mb(process.pid)}
        return figures | rounds(name, cases, group, started, options)


def rounds(
    name: str,
    cases: list[servers.Case],
    group: list[servers.Server],
    started: dict[str, servers.Started],
    options: argparse.Namespace,
) -> report.Cases:
    """All cases on all servers in each round, so that a slow minute falls on all of them alike."""
    runs = {case.name: [server for server in group if server.runs(case)] for case in cases}
    costs: dict[str, dict[str, list[measure.Cost]]] = {
        case: {server.name: [] for server in servers} for case, servers in runs.items()
    }

    def load(case: servers.Case, server: servers.Server) -> tuple[int, measure.Load]:
        """Whom the client asks, and how."""
        process, port, _ = started[server.name]
        url, threads = f"http://127.0.0.1:{port}{case.target}", min(case.threads, options.threads)
        return process.pid, measure.Load(url, case.connections, threads, case.script, server.patience)

    for turn in range(options.rounds + 1):
        for case in cases:
            for server in runs[case.name] if turn % 2 else reversed(runs[case.name]):
                cost = measure.cost(*load(case, server), options.seconds if turn else 1)  # turn 0 warms up
                if turn:
                    costs[case.name][server.name].append(cost)
        print(f"{name}: round {turn} of {options.rounds}", file=sys.stderr, flush=True)
    return {
        case.name: {
            server.name: figure(costs[case.name][server.name], measure.system_calls(*load(case, server)))
            for server in runs[case.name]
        }
        for case in cases
        if runs[case.name]
    }


def figure(costs: list[measure.Cost], system_calls: float) -> report.Row:
    """What the rounds of one case on one server come to."""
    return {
        "cpu_us": statistics.median(cost.cpu_us for cost in costs),
        "lowest_us": min(cost.cpu_us for cost in costs),
        "switches": statistics.median(cost.switches for cost in costs),
        "system_calls": system_calls,
        "rounds_us": [cost.cpu_us for cost in costs],
    }


if __name__ == "__main__":
    sys.exit(main())
