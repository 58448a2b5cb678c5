"""The parity table: areas by languages, and every failure in words. Decides nothing but how it looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from rich.console import Console
from rich.table import Table

from runner.run import Result


def show(results: Mapping[str, list[Result]], seconds: Mapping[str, float], stream: TextIO | None = None) -> None:
    """Prints the failures, then the table."""
    console = Console(file=stream, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 160  # a log has no edge
    for language, found in results.items():
        for result in found:
            if not result.good:
                what = result.failures or [f"passes, but is listed as failing: {result.known}"]
                console.print(f"{language} {result.case.id}", style="bold red", markup=False)
                for line in what:
                    console.print(f"    {line}", markup=False)
    console.print(_table(results, seconds))


def _table(results: Mapping[str, list[Result]], seconds: Mapping[str, float]) -> Table:
    table = Table(title="Fixtures: passed / failed / known", show_footer=True)
    areas = sorted({result.case.area for found in results.values() for result in found})
    table.add_column("area", footer="all")
    for language, found in results.items():
        table.add_column(language, footer=f"{_cell(found)}  {seconds[language]:.1f} s", justify="right")
    for area in areas:
        table.add_row(area, *(_cell([one for one in found if one.case.area == area]) for found in results.values()))
    return table


def _cell(found: list[Result]) -> str:
    passed = sum(result.passed and result.good for result in found)
    failed = sum(not result.good for result in found)
    known = sum(bool(result.known) and result.good for result in found)
    text = f"{passed} / {failed} / {known}"
    return f"[red]{text}[/red]" if failed else text
