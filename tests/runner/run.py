"""Runs cases against one language: one recorder per group, groups side by side. Prints nothing."""

from __future__ import annotations

import os
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Event

from runner import http2, wire
from runner.cases import Case
from runner.compare import check
from runner.recorder import Recorder, RecorderError

KNOWN = Path(__file__).resolve().parent.parent / "known-failing"
SIDE_BY_SIDE = 2 * (os.cpu_count() or 1)  # Some groups mostly wait for time limits.


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case."""

    case: Case
    failures: list[str]
    known: str = ""
    """Why it is known to fail."""

    @property
    def passed(self) -> bool:
        """Nothing differs."""
        return not self.failures

    @property
    def good(self) -> bool:
        """Passed as it should, or failed as is known: a known failure that passes is not good."""
        return self.passed != bool(self.known)


def run(
    cases: Iterable[Case],
    command: str,
    *,
    known: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    until_first_failure: bool = False,
    transport: str = "http1",
) -> list[Result]:
    """Every case's result, in order of id; over `http2` of those that have a counterpart there."""
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if transport == "http1" or not http2.why_not(case):
            groups[case.group].append(case)
    stop = Event()

    def one(group: list[Case]) -> list[Result]:
        return _group(group, command, known or {}, environment or {}, stop if until_first_failure else None, transport)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        results = [result for found in pool.map(one, groups.values()) for result in found]
    return sorted(results, key=lambda result: result.case.id)


def _group(
    cases: list[Case],
    command: str,
    known: Mapping[str, str],
    environment: Mapping[str, str],
    stop: Event | None,
    transport: str,
) -> list[Result]:
    results: list[Result] = []
    recorder: Recorder | None = None
    dead = ""
    for case in cases:
        if stop is not None and stop.is_set():
            break
        try:
            if dead:
                raise RecorderError(dead)
            if recorder is None:
                recorder = Recorder(command, case.document, case.config, environment)
            gaps = sorted({*case.requires} & {*recorder.lacks})
            if gaps or (recorder.in_process and case.wire):
                gap = f"the platform lacks {', '.join(gaps)}" if gaps else "it needs a socket"
                results.append(Result(case, [f"not run: {gap}"], gap))
                continue
            failures = _case(case, recorder) if transport == "http1" else _case_http2(case, recorder)
        except (RecorderError, wire.WireError, OSError) as error:
            failures = [str(error)]
            if recorder is None:
                dead = str(error)  # It will not start for the next case either.
            elif not recorder.alive or isinstance(error, RecorderError):
                recorder.close()
                recorder = None
        if failures and stop is not None:
            stop.set()
        results.append(Result(case, failures, reason(case.id, known)))
    if recorder is not None:
        recorder.close()
    return results


def _case(case: Case, recorder: Recorder) -> list[str]:
    recorder.prepare(case.id, case.reply, case.hooks)
    if recorder.in_process:
        answer = recorder.exchange(b"".join(case.sends))
        return check(case, wire.in_process(answer, _methods(case)), recorder.observed())
    try:
        with over_socket(case, recorder.port, recorder.stop_serving) as exchange:
            return check(case, exchange, recorder.observed())
    except wire.WireError as error:
        recorder.observed()  # A dead recorder is the better message.
        return [str(error)]


def _methods(case: Case) -> list[str]:
    count = sum("status" in expect or "any_of" in expect for expect in case.expects)
    return [case.method(index) for index in range(count)] or ["GET"]


@contextmanager
def over_socket(case: Case, port: int, stop_serving: Callable[[], None]) -> Iterator[wire.Exchange]:
    """What a connection brings on which a case is sent; the program serves on while the caller looks."""
    with ExitStack() as stack:
        if case.draining:
            wire.over_socket(port, [wire.PROBE], ["GET"])  # Ready to serve is not yet serving.
            # A request that never ends keeps the program there until it was asked what it saw.
            held = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            held.sendall(b"GET / HTTP/1.1\r\n")
        stop = stop_serving if case.draining else None
        yield wire.over_socket(port, case.sends, _methods(case), case.split, stop, case.half_close)


def _case_http2(case: Case, recorder: Recorder) -> list[str]:
    recorder.prepare(case.id, case.reply, case.hooks)
    try:
        exchange = http2.over_socket(recorder.port, case)
    except wire.WireError as error:
        recorder.observed()
        return [str(error)]
    return check(http2.counterpart(case), exchange, recorder.observed())


def reason(case: str, known: Mapping[str, str]) -> str:
    """Why a case is known to fail; empty when it is not."""
    return next((why for glob, why in known.items() if fnmatchcase(case, glob.replace("[", "[[]"))), "")


def known_failing(language: str, folder: Path = KNOWN) -> dict[str, str]:
    """`glob reason…` per line of `known-failing/<language>.txt`; `#` starts a comment line."""
    path = folder / f"{language}.txt"
    known = {}
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
        if not line.strip() or line.startswith("#"):
            continue
        glob, _, why = line.strip().partition(" ")
        if not why.strip():
            raise ValueError(f"{path}:{number}: write a reason after the pattern: `{glob} why it fails`")
        known[glob] = why.strip()
    return known
