"""`errors.py` and `config.py` say what the core's tables say."""

import subprocess
import sys
from pathlib import Path

from spikard import Problem
from spikard._bridge import tables
from spikard.config import Options
from spikard.errors import TABLE


def test_every_row_of_the_error_table_has_its_exception() -> None:
    rows = [(row["code"], row["status"], row["title"]) for row in tables()["problems"]]
    assert [(kind.code, kind.status, kind.title) for kind in TABLE] == rows
    assert all(issubclass(kind, Problem) for kind in TABLE)


def test_every_option_has_its_keyword() -> None:
    assert list(Options.__annotations__) == list(tables()["config"]["properties"])


def test_the_generated_parts_are_in_sync() -> None:
    program = Path(__file__).parents[1] / "generate.py"
    done = subprocess.run([sys.executable, "-P", program, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run: python -P packages/python/generate.py"
