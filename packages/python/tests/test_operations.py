"""The installed command as one who writes Python meets it: tracebacks, mistakes with their places, and settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def command(*arguments: str, cwd: Path, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "spikard", *arguments],
        cwd=cwd,
        env=os.environ | {"NO_COLOR": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_an_app_that_cannot_be_imported_is_told_by_its_own_traceback(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def begin():\n    import nothing_here\n\nbegin()\n")
    code, out, said = command("run", "app.py", "--port", "0", cwd=tmp_path)
    assert (code, out) == (1, "")
    lines = said.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    frames = [line for line in lines if line.startswith("  File ")]
    assert len(frames) == 2
    assert all('app.py"' in frame for frame in frames), "no frames but the app's"
    assert lines[-1] == "ModuleNotFoundError: No module named 'nothing_here'"


MISTAKEN = """
from spikard import Spikard

app = Spikard()

@app.get("/items/{id}")
def show(idd: int) -> str:
    return "x"

@app.get("/things/{id}")
def thing(id: int) -> str:
    return "x"

@app.get("/things/{name}")
def same(name: str) -> str:
    return "x"
"""


def test_check_reports_every_mistake_at_once(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(MISTAKEN)
    code, out, said = command("check", "app.py", cwd=tmp_path)
    assert (code, out) == (1, "")
    assert said.startswith("error: app.py has 2 mistakes:\n  app.py:6: GET /items/{id}: "), said
    code, out, _ = command("check", "app.py", "--json", cwd=tmp_path)
    answer = json.loads(out)
    assert (code, answer["app"], answer["routes"]) == (1, "app.py", None)
    # One that Python found, one that the core did.
    places = ["app.py:6: GET /items/{id}", "app.py:14: GET /things/{name}"]
    assert [mistake["place"] for mistake in answer["mistakes"]] == places
    for mistake in answer["mistakes"]:
        assert f"  {mistake['place']}: {mistake['message']}\n" in said


def test_check_of_what_cannot_be_imported_is_an_object_too(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import nothing_here\n")
    code, out, said = command("check", "app.py", "--json", cwd=tmp_path)
    assert code == 1
    assert json.loads(out)["routes"] is None
    assert "ModuleNotFoundError" in said


def test_config_tells_each_value_and_who_set_it(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from spikard import Spikard\napp = Spikard(debug=True, drain_timeout_ms=7000)\n")
    (tmp_path / "spikard.toml").write_text('port = 9001\nbody_limit = "1MiB"\ndrain_timeout = "8s"\negress = "warn"\n')
    code, out, said = command(
        "config", "app.py", "--json", "--set", "egress=off", cwd=tmp_path, SPIKARD_BODY_LIMIT="2MiB", SPIKARD_HOST="::1"
    )
    assert (code, said) == (0, "")
    rows: dict[str, dict[str, Any]] = {row["name"]: row for row in json.loads(out)}
    found = {name: (row["value"], row["from"]) for name, row in rows.items()}
    assert found["host"] == ("::1", "SPIKARD_HOST")
    assert found["port"] == (9001, "spikard.toml:1")
    assert found["body_limit"] == (2 * 1024 * 1024, "SPIKARD_BODY_LIMIT")
    assert found["drain_timeout"] == (8000, "spikard.toml:3")
    assert found["egress"] == ("off", "--set")
    assert found["debug"] == (True, "the code of app.py")
    assert found["header_timeout"][1] == "default"
    assert all(row["description"] for row in rows.values())
    shown = command("config", "app.py", cwd=tmp_path)[1]
    assert any(line.split() == ["drain_timeout", "8s", "spikard.toml:3"] for line in shown.splitlines()), shown
