"""Five alike: `python -m alike --recorder rust=CMD … --app rust=CMD …`. A client cannot tell the languages apart."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from fnmatch import fnmatchcase

from alike import fixtures, inventory
from runner.cases import load


def main(arguments: list[str]) -> int:
    """Runs every check, or those named; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m alike", description=__doc__)
    parser.add_argument("--recorder", action="append", default=[], metavar="LANGUAGE=CMD", help="a recording app")
    parser.add_argument("--app", action="append", default=[], metavar="LANGUAGE=CMD", help="the example app")
    parser.add_argument("--filter", default="*", help="glob of case ids")
    parser.add_argument("--examples", type=int, default=10, help="requests of the fuzzer per operation and phase")
    parser.add_argument("check", nargs="*", metavar="CHECK", help="fixtures, story, changes, fuzz; default all")
    options = parser.parse_args(arguments)
    recorders, apps = named(options.recorder), named(options.app)
    cases = [case for case in load() if fnmatchcase(case.id, options.filter.replace("[", "[[]"))]
    checks: list[tuple[str, str, Callable[[], dict[str, list[str]]]]] = [
        ("fixtures", "each case in each language", lambda: fixtures.run(cases, recorders)),
        ("story", "one story in each language and in the mix", lambda: {"": inventory.same_story(apps)}),
        ("changes", "many clients change one item", lambda: {"": inventory.nothing_lost(apps)}),
        *(
            ("fuzz", f"the fuzzer against {name}", lambda one=one: {"": inventory.fuzzed(one, options.examples)})
            for name, one in [*((name, {name: command}) for name, command in apps.items()), ("the mix", apps)]
        ),
    ]
    passed = failed = 0
    for check, title, run in checks:
        if options.check and check not in options.check:
            continue
        started = time.monotonic()
        found = run()
        bad = {case: lines for case, lines in found.items() if lines}
        for case, lines in bad.items():
            print(f"{check} {case}", *lines, sep="\n    ")
        passed, failed = passed + len(found) - len(bad), failed + len(bad)
        print(f"{check}: {title}: {len(bad)} of {len(found)} wrong, {time.monotonic() - started:.1f} s", flush=True)
    print(f"alike: {passed} passed, {failed} failed")
    return int(failed > 0)


def named(words: list[str]) -> dict[str, str]:
    return {name: command for name, _, command in (word.partition("=") for word in words)}


sys.exit(main(sys.argv[1:]))
