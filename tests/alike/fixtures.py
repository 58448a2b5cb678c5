"""The shared cases, sent through one port to recording apps of several languages: each must pass in each, and what a
client sees must be the same. It decides nothing about what a case expects; that is `runner.compare`.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from alike.port import Port
from alike.sight import Sight, differences
from runner import wire
from runner.cases import Case
from runner.compare import check
from runner.recorder import Recorder, RecorderError, until_refused
from runner.run import over_socket

SIDE_BY_SIDE = 2 * (os.cpu_count() or 1)  # Some groups mostly wait for time limits.


class Workers:
    """A recording app of each language, all on one port."""

    def __init__(self, commands: Mapping[str, str], case: Case) -> None:
        self.port = Port(len(commands))
        with ExitStack() as stack:
            stack.callback(self.port.close)
            self.recorders = {
                language: stack.enter_context(Recorder(command, case.document, case.config, {}, listener))
                for (language, command), listener in zip(commands.items(), self.port.sockets, strict=True)
            }
            self._stack = stack.pop_all()

    def lack(self, case: Case) -> bool:
        """A language among them cannot take part, as its own run of the fixtures says."""
        return any({*case.requires} & {*recorder.lacks} for recorder in self.recorders.values())

    def send(self, case: Case, language: str) -> wire.Exchange:
        """What a client sees when this language has the connection; raises WireError where the case fails."""
        recorder = self.recorders[language]
        languages = list(self.recorders)
        if case.draining:
            for index in range(len(languages)):
                self.port.only(index)
                wire.over_socket(self.port.number, [wire.PROBE], ["GET"])  # Ready to serve is not yet serving.
        self.port.only(languages.index(language))
        if case.draining:
            self.port.close()  # An inherited socket refuses nobody while somebody holds it.
        recorder.prepare(case.id, case.reply, case.hooks)
        with over_socket(case, self.port.number, self._stop) as exchange:
            if wrong := check(case, exchange, recorder.observed()):
                raise wire.WireError("; ".join(wrong))
            return exchange

    def close(self) -> None:
        self._stack.close()

    def _stop(self) -> None:
        for recorder in self.recorders.values():
            recorder.terminate()
        until_refused(self.port.number)


def run(cases: Iterable[Case], commands: Mapping[str, str]) -> dict[str, list[str]]:
    """By the id of a case: what fails and what differs."""
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.group].append(case)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = pool.map(lambda group: _group(group, commands), groups.values())
        return {case: failures for group in found for case, failures in group.items()}


def _group(cases: list[Case], commands: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    workers: Workers | None = None
    for case in cases:
        failures: list[str] = []
        seen: dict[str, Sight] = {}
        for language in commands:
            try:
                workers = workers or Workers(commands, case)
                if workers.lack(case):
                    break
                seen[language] = Sight.of(workers.send(case, language))
            except (RecorderError, wire.WireError, OSError) as error:
                failures.append(f"{language}: {error}")
            if workers is not None and (case.draining or not all(one.alive for one in workers.recorders.values())):
                workers.close()
                workers = None
        found[case.id] = failures + differences(seen)
    if workers is not None:
        workers.close()
    return found
