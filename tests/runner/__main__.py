"""The fixtures' command line: `python -m runner --language rust --recorder CMD`, `all`, `check`, `oracle`, `mutate`."""

from __future__ import annotations

import argparse
import sys
import time
from fnmatch import fnmatchcase

from runner import mutate, oracle, table
from runner.cases import Case, load
from runner.rules import broken_rules
from runner.run import Result, known_failing, run

LANGUAGES = (
    *("rust", "echo", "python", "python-def", "python-blocking", "node", "node-memory"),
    *("node-threaded", "node-threaded-memory", "bun", "bun-memory", "deno", "deno-memory"),
    *("php", "php-memory", "ruby", "ruby-blocking", "ruby-memory"),
)
TRANSPORTS = ("http1", "http2")
# What is below the border is the same for all: `all` runs these over HTTP/2 as well.
TWICE = ("rust", "python", "node", "php", "ruby")


def main(arguments: list[str]) -> int:
    """Runs one command; the exit code."""
    options = _options(arguments)
    cases = [case for case in load() if fnmatchcase(case.id, options.filter.replace("[", "[[]"))]
    if not cases:
        print(f"no case matches {options.filter!r}", file=sys.stderr)
        return 2
    if options.command == "check":
        return _report("rules", broken_rules())
    if options.command == "oracle":
        return _oracle(cases)
    if options.command == "mutate":
        return _mutate(cases, options.recorder)
    if options.command == "all":
        given = {name: getattr(options, name.replace("-", "_")) for name in LANGUAGES}
        recorders = {name: command for name, command in given.items() if command}
        columns = [(name, "http1") for name in recorders] + [(name, "http2") for name in TWICE if name in recorders]
        good = [_report("rules", broken_rules()), _oracle(cases), _languages(cases, recorders, columns)]
        if options.defects:
            good.append(_mutate(cases, options.defects))
        return max(good)
    return _languages(cases, {options.language: options.recorder}, [(options.language, options.transport)])


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m runner", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["run", "all", "check", "oracle", "mutate"], default="run")
    parser.add_argument("--language", default="rust", help="column of the table, and known-failing/<language>.txt")
    parser.add_argument("--recorder", help="command of the recording app (run, mutate)")
    for language in LANGUAGES:
        parser.add_argument(f"--{language}", help=f"command of the {language} recording app (all)")
    parser.add_argument("--defects", help="command of the Rust recording app with the feature `defects` (all)")
    parser.add_argument("--transport", choices=TRANSPORTS, default="http1", help="what the cases go over (run)")
    parser.add_argument("--filter", default="*", help="glob of case ids")
    options = parser.parse_args(arguments)
    if options.command in ("run", "mutate") and not options.recorder:
        parser.error(f"{options.command} needs --recorder CMD")
    return options


def _languages(cases: list[Case], recorders: dict[str, str], columns: list[tuple[str, str]]) -> int:
    results: dict[str, list[Result]] = {}
    seconds = {}
    for language, transport in columns:
        column = language if transport == "http1" else f"{language}, {transport}"
        start = time.monotonic()
        results[column] = run(cases, recorders[language], known=known_failing(language), transport=transport)
        seconds[column] = time.monotonic() - start
    table.show(results, seconds)
    all_of_them = [result for found in results.values() for result in found]
    failed = sum(not result.good for result in all_of_them)
    known = sum(bool(result.known) and result.good for result in all_of_them)
    print(f"fixtures: {len(all_of_them) - failed - known} passed, {failed} failed, {known} known")
    return int(failed > 0)


def _oracle(cases: list[Case]) -> int:
    judged, disagreements = oracle.judge(cases)
    print(f"oracle: {judged} of {len(cases)} cases judged, {len(disagreements)} disagreements")
    return _report("oracle", disagreements)


def _mutate(cases: list[Case], command: str) -> int:
    verdicts = mutate.gate(cases, command)
    for verdict in verdicts:
        name = verdict.defect or "(no defect)"
        print(f"mutation: {name:28} {f'fails {verdict.caught_by}' if verdict.caught_by else 'fails nothing'}")
    bad = [verdict.defect or "no defect" for verdict in verdicts if not verdict.good]
    return _report(
        "mutation", [f"{name}: {'a fixture fails' if name == 'no defect' else 'no fixture fails'}" for name in bad]
    )


def _report(what: str, lines: list[str]) -> int:
    for line in lines:
        print(f"{what}: {line}", file=sys.stderr)
    return int(bool(lines))


sys.exit(main(sys.argv[1:]))
