"""The mutation gate: a core with a seeded defect must fail at least one fixture, and without one it must fail none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runner.cases import Case
from runner.run import run

# Name in crates/spikard (`defects::defect`) and the area that is tried first.
DEFECTS = {
    "validation-off": "json-schema",
    "coercion-on": "query",
    "header-repeats-dropped": "header",
    "limit-ignored": "limits",
    "egress-off": "egress",
    "json-duplicate-first-wins": "json",
    "head-with-body": "routing",
    "allow-missing": "routing",
    "cors-missing": "cors",
    "forwarded-from-anybody": "forwarded",
    "pre-validation-late": "hooks",
    "auth-skipped": "auth",
    "token-time-ignored": "auth",
    "signature-ignored": "auth",
    "scopes-ignored": "auth",
    "files-symlinks-followed": "files",
    "files-without-hooks": "hooks",
    "rate-ignored": "rates",
    "metrics-problems-lost": "metrics",
    "trace-not-seen": "trace",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the fixtures said to one defect."""

    defect: str
    caught_by: str
    """Id of a case that failed; empty when none did."""

    @property
    def good(self) -> bool:
        """Caught, or nothing to catch."""
        return bool(self.caught_by) == bool(self.defect)


def gate(cases: Iterable[Case], command: str) -> list[Verdict]:
    """One verdict per defect, then one for the core without any."""
    cases = list(cases)
    verdicts = [Verdict(defect, _caught(cases, command, defect, area)) for defect, area in DEFECTS.items()]
    sound = next((result.case.id for result in run(cases, command) if not result.passed), "")
    return [*verdicts, Verdict("", sound)]


def _caught(cases: list[Case], command: str, defect: str, area: str) -> str:
    likely = [case for case in cases if case.area == area]
    others = [case for case in cases if case.area != area]
    for some in (likely, others):
        results = run(some, command, environment={"SPIKARD_DEFECT": defect}, until_first_failure=True)
        failed = next((result.case.id for result in results if not result.passed), "")
        if failed:
            return failed
    return ""
