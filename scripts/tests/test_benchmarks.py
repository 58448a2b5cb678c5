"""Tries what the comparison prints and writes, without servers: it measures nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
PAGE = "before\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nafter\n"


def compare(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("part", "kept"), [([], False), (["--case", "json"], True), (["--server", "axum"], True)])
def test_figures_replace_what_stands_between_the_marks_unless_they_are_half(
    tmp_path: Path, part: list[str], kept: bool
) -> None:
    page = tmp_path / "performance.md"
    page.write_text(PAGE)

    done = compare("run.py", "--rounds", "3", "--seconds", "1", "--write", str(page), *part)

    text = page.read_text()
    assert (done.returncode, text.startswith("before\n"), text.endswith("after\n")) == (0, True, True)
    assert (text == PAGE) is kept
    assert ("3 rounds of 1 s" in text) is not kept
    assert ("no document is written" in done.stderr) is kept


def test_figures_for_machines_have_standard_output_for_themselves() -> None:
    done = compare("run.py", "--json")
    assert json.loads(done.stdout) == {"versions": [], "results": {}, "verdicts": []}
    assert done.stderr.startswith("bench: 5 rounds of 2 s over 6 cases; no document is written")


@pytest.mark.parametrize(
    ("wrong", "said"), [(["--rounds", "0"], "write 1 or more"), (["--case", "nope"], "choose from 'json'")]
)
def test_a_slip_is_told_before_anything_is_built(tmp_path: Path, wrong: list[str], said: str) -> None:
    done = compare("prepare.py", str(tmp_path / "kept"), *wrong)
    assert (done.returncode, said in done.stderr, (tmp_path / "kept").exists()) == (2, True, False)
