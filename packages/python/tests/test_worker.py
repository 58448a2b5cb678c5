"""Finding the app, and what a wrong start says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import spikard

APP = "from spikard import Spikard\n{name} = Spikard(title='Found')\n"

# Types that name later ones are looked up in the app's module.
LATE = """
from __future__ import annotations
import msgspec

class A(msgspec.Struct):
    b: B

class B(msgspec.Struct):
    c: int
"""

# Asks itself and ends.
FAILING = """
import sys
from spikard import Spikard, TestClient
app = Spikard(title="Found", debug=False)
@app.get("/")
def fail() -> None:
    raise ValueError("secret reason")
print(TestClient(app).get("/").text)
sys.exit(1)
"""


def worker(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "spikard._worker", *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize(
    ("text", "argument"),
    [
        (APP.format(name="app"), "main.py"),
        (APP.format(name="application"), "main.py"),
        (APP.format(name="inventory"), "main.py"),
        (APP.format(name="other"), "main.py:other"),
        (APP.format(name="app"), "main"),
        (APP.format(name="other"), "main:other"),
        ("from spikard import Spikard\ndef create_app():\n    return Spikard(title='Found')\n", "main.py"),
        ("from sibling import app\n", "main.py"),
        (LATE + APP.format(name="app") + "@app.post('/')\ndef f(a: A) -> A: ...\n", "main.py"),
    ],
)
def test_the_app_is_found(tmp_path: Path, text: str, argument: str) -> None:
    (tmp_path / "main.py").write_text(text)
    (tmp_path / "sibling.py").write_text(APP.format(name="app"))
    done = worker(argument, cwd=tmp_path, SPIKARD_EMIT="spec")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["title"] == "Found"


@pytest.mark.parametrize(
    ("text", "argument", "told"),
    [
        ("x = 1\n", "main.py", "write `app = Spikard()`"),
        ("app = 3\n", "main.py", "write `app = Spikard()`"),
        (APP.format(name="app"), "main.py:other", "no app named 'other'"),
        ("", "missing.py", "no file missing.py"),
        ("", "missing", "no module missing"),
        ("import nothing_like_this\n", "main.py", "ModuleNotFoundError: No module named 'nothing_like_this'"),
        ("def create_app():\n    raise ValueError('mine')\n", "main.py", "ValueError: mine"),
        (
            APP.format(name="app") + "@app.get('/{id}')\ndef f(): ...\n",
            "main.py",
            'main.py:3: GET /{id}: "id" is in the path',
        ),
    ],
)
def test_a_wrong_start_says_what_to_do(tmp_path: Path, text: str, argument: str, told: str) -> None:
    (tmp_path / "main.py").write_text(text)
    done = worker(argument, cwd=tmp_path, SPIKARD_PORT="0")
    assert done.returncode == 1
    assert told in done.stderr
    assert "_worker.py" not in done.stderr
    assert "importlib" not in done.stderr


def test_without_an_app_it_shows_its_usage(tmp_path: Path) -> None:
    done = worker(cwd=tmp_path)
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_the_environment_says_where_to_listen(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(APP.format(name="app"))
    done = worker("main.py", cwd=tmp_path, SPIKARD_PORT="many")
    assert (done.returncode, done.stderr) == (2, 'error: SPIKARD_PORT="many" is not a port from 0 to 65535\n')


def test_the_environment_wins_over_the_options_of_the_code(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("from spikard import Spikard\nSpikard(title='Found', debug=True).freeze()\n")
    done = worker("main.py", cwd=tmp_path, SPIKARD_DEBUG="maybe")
    assert 'SPIKARD_DEBUG: "maybe" is wrong; write true or false' in done.stderr
    (tmp_path / "main.py").write_text(FAILING)
    for value, shown in (("1", True), ("0", False)):
        done = worker("main.py", cwd=tmp_path, SPIKARD_DEBUG=value)
        assert (done.returncode, "secret reason" in done.stdout) == (1, shown)


def test_the_extension_is_imported_by_two_files_only() -> None:
    package = Path(spikard.__file__).parent
    users = {path.name for path in package.glob("*.py") if "spikard import _native" in path.read_text()}
    assert users <= {"_bridge.py", "_loop.py"}
