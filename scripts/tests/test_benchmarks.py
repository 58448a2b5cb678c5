"""Tries what the comparison prints and writes, without servers: it measures nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))

import report  # noqa: E402

PAGE = """before
<!-- Rust figures: begin -->
old
<!-- Rust figures: end -->
between
<!-- Node figures: begin -->
old
<!-- Node figures: end -->
after
"""
ROW = {"lowest_us": 1.0, "system_calls": 2.0, "switches": 0.0}
CASES = {
    "json": {
        "spikard": {**ROW, "cpu_us": 2.0, "rounds_us": [2.0, 2.0, 2.0]},
        "fastify": {**ROW, "cpu_us": 8.0, "rounds_us": [8.0, 4.0, 10.0]},
    }
}


def compare(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_figures_replace_what_stands_between_the_marks_of_their_language(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(PAGE)

    report.write(page, {"Node": CASES}, report.verdicts({"Node": CASES}), "3 rounds of 1 s", {"Node": ["Node 20"]})

    kept, _, new = page.read_text().partition("between")
    assert kept == PAGE.partition("between")[0]
    assert "old" not in new
    assert "3 rounds of 1 s, median (lowest); Node 20." in new
    assert "| json | fastify | 8.00 | 1.00 | 2.00 | 0.00 |" in new
    assert "| Node: json: cpu_us / fastify | 0.250 | 0.42 | reached |" in new  # the median of 1/4, 1/2, 1/5
    assert new.endswith("after\n")


@pytest.mark.parametrize(("part", "written"), [([], True), (["--case", "json"], False), (["--server", "axum"], False)])
def test_figures_of_a_part_go_into_no_document(part: list[str], written: bool) -> None:
    done = compare("run.py", "--write", os.devnull, *part)
    assert (done.returncode, "no document is written" not in done.stderr) == (0, written)


def test_figures_for_machines_have_standard_output_for_themselves() -> None:
    done = compare("run.py", "--json")
    assert json.loads(done.stdout) == {"versions": {}, "results": {}, "verdicts": []}
    assert done.stderr.startswith("bench: 5 rounds of 2 s over 0 cases; no document is written")


@pytest.mark.parametrize(
    ("wrong", "said"), [(["--rounds", "0"], "write 1 or more"), (["--case", "nope"], "choose from 'json'")]
)
def test_a_slip_is_told_before_anything_is_built(tmp_path: Path, wrong: list[str], said: str) -> None:
    done = compare("prepare.py", str(tmp_path / "kept"), *wrong)
    assert (done.returncode, said in done.stderr, (tmp_path / "kept").exists()) == (2, True, False)
