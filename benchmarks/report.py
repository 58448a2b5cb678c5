"""Figures as tables, and beside the bounds that Spikard set itself."""

from __future__ import annotations

import platform
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Row = dict[str, Any]
Cases = dict[str, dict[str, Row]]
Results = dict[str, Cases]
BEGIN, END = "<!-- {} figures: begin -->", "<!-- {} figures: end -->"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bound and what was measured."""

    what: str
    measured: float
    bound: float

    @property
    def reached(self) -> bool:
        return self.measured <= self.bound

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "reached": self.reached}


# language, case, figure, peer (None: absolute), bound
BOUNDS: list[tuple[str, str, str, str | None, float]] = [
    ("Python", "json", "cpu_us", "django-bolt", 0.75),
    ("Python", "parameters", "cpu_us", "django-bolt", 0.65),
    ("Python", "item 190 B", "cpu_us", "django-bolt", 0.65),
    ("Python", "await 1 ms", "cpu_us", "granian RSGI", 0.70),
    ("Python", "json, 1 connection", "cpu_us", "granian RSGI", 0.50),
    ("Rust", "json", "cpu_us", "axum", 0.90),
    ("Rust", "parameters", "cpu_us", "axum", 0.90),
    ("Rust", "item 190 B", "cpu_us", "axum", 0.90),
    ("Python", "CORS, gzip, request id, JWT", "cpu_us", "django-bolt, guarded", 0.80),
    ("Rust", "CORS, gzip, request id, JWT", "cpu_us", "axum, guarded", 0.60),
    ("Files", "static 10 KB", "cpu_us", "nginx", 1.0),
    ("Node", "json", "cpu_us", "fastify", 0.42),
    ("Node", "parameters", "cpu_us", "fastify", 0.40),
    ("Node", "item 190 B", "cpu_us", "fastify", 0.38),
    ("Node", "await 1 ms", "cpu_us", "fastify", 0.50),
    ("Node", "json", "cpu_us", "Bun.serve", 1.0),
    ("Node", "parameters", "cpu_us", "Bun.serve", 1.0),
    ("Node", "json, 1 connection", "cpu_us", "node:http", 1.0),
    ("PHP", "json", "cpu_us", "PHP event loop", 1.05),
    ("PHP", "parameters", "cpu_us", "PHP event loop", 1.0),
    ("PHP", "item 190 B", "cpu_us", "PHP event loop", 0.95),
    ("PHP", "json", "cpu_us", "nginx and php-fpm", 0.08),
    ("PHP", "await 1 ms", "cpu_us", "nginx and php-fpm", 0.06),
    ("PHP", "json", "system_calls", None, 2.2),
    ("PHP", "json", "switches", None, 0.05),
    ("Ruby", "json", "cpu_us", "puma", 0.20),
    ("Ruby", "parameters", "cpu_us", "puma", 0.20),
    ("Ruby", "item 190 B", "cpu_us", "puma", 0.20),
    ("Ruby", "await 1 ms", "cpu_us", "puma", 0.20),
    ("Ruby", "json", "cpu_us", "spikard in Rust", 1.35),
    ("Ruby", "json", "system_calls", None, 2.3),
    ("Ruby", "json", "switches", None, 0.05),
    ("Python", "json", "system_calls", None, 2.2),
    ("Python", "json", "switches", None, 0.05),
    ("Rust", "json", "system_calls", None, 2.2),
    ("Rust", "json", "switches", None, 0.05),
    ("Node", "json", "system_calls", None, 2.3),
    ("Node", "json", "switches", None, 0.05),
    ("Python", "start", "seconds", None, 0.25),
    ("Python", "start", "idle_mb", None, 40.0),
]


def verdicts(results: Results) -> list[Verdict]:
    """Every bound for which figures exist."""
    found = []
    for language, case, figure, peer, bound in BOUNDS:
        rows = results.get(language, {}).get(case, {})
        ours = "spikard, guarded" if "guarded" in (peer or "") else "spikard"
        if ours not in rows or (peer is not None and peer not in rows):
            continue
        own = rows[ours]
        value = own[figure] if peer is None else paired(own, rows[peer])
        found.append(Verdict(f"{language}: {case}: {figure}" + (f" / {peer}" if peer else ""), value, bound))
    python = results.get("Python", {})
    if "spikard" in python.get("json", {}) and "spikard" in python.get("json async", {}):
        ratio = paired(python["json async"]["spikard"], python["json"]["spikard"])
        found.append(Verdict("Python: json async / json: cpu_us", ratio, 1.1))
    return found


def paired(own: Row, peer: Row) -> float:
    """The median of the rounds' ratios: what slows a whole round down falls out."""
    ratios: list[float] = [a / b for a, b in zip(own["rounds_us"], peer["rounds_us"], strict=True)]
    return statistics.median(ratios)


def lines(results: Results) -> list[list[str]]:
    """Rows: language, case, server, CPU, lowest, system calls, switches."""
    rows = []
    for language, cases in results.items():
        for case, by_server in cases.items():
            for server, row in by_server.items():
                if "cpu_us" in row:
                    numbers = [f"{row[k]:.2f}" for k in ("cpu_us", "lowest_us", "system_calls", "switches")]
                    rows.append([language, case, server, *numbers])
    return rows


HEAD = ["language", "case", "server", "µs CPU/request", "lowest", "system calls", "switches"]


def show(results: Results, found: list[Verdict]) -> None:
    """Tables for a person."""
    console = Console()
    if not console.is_terminal:
        console.width = 160  # a log has no edge
    table = Table(*HEAD, title="CPU time of the process tree per request")
    for row in lines(results):
        table.add_row(*row)
    console.print(table)
    table = Table("bound", "measured", "at most", "")
    for verdict in found:
        mark = "[green]reached[/]" if verdict.reached else "[red]not reached[/]"
        table.add_row(verdict.what, f"{verdict.measured:.3f}", f"{verdict.bound:g}", mark)
    console.print(table)


def write(document: Path, results: Results, found: list[Verdict], load: str, versions: dict[str, list[str]]) -> None:
    """Replaces what stands between the markers of each language of `results` in `document`."""
    text = document.read_text()
    for language, cases in results.items():
        begin, end = BEGIN.format(language), END.format(language)
        before, rest = text.split(begin)
        own = [verdict for verdict in found if verdict.what.startswith(f"{language}: ")]
        section = tables({language: cases}, own, load, versions[language])
        text = before + begin + "\n" + section + "\n" + end + rest.split(end)[1]
    document.write_text(text)


def tables(results: Results, found: list[Verdict], load: str, versions: list[str]) -> str:
    """Figures and bounds as Markdown."""
    text = [f"Linux {platform.release().split('-')[0]}, {load}, median (lowest); {', '.join(versions)}.", ""]
    text += ["| " + " | ".join(HEAD[1:]) + " |", "|" + "---|" * len(HEAD[1:])]
    text += ["| " + " | ".join(row[1:]) + " |" for row in lines(results)]
    text += ["", "| bound | measured | at most | |", "|---|---|---|---|"]
    text += [
        f"| {v.what} | {v.measured:.3f} | {v.bound:g} | {'reached' if v.reached else '**not reached**'} |"
        for v in found
    ]
    return "\n".join(text)
