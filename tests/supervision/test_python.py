"""What Python alone brings to its workers: compiled files, tracebacks of signals, and a package without the program."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from clients import Client, get
from languages import LANGUAGES
from supervised import started

PYTHON = dataclasses.replace(
    next(language for language in LANGUAGES if language.name == "python"),
    environment=lambda: os.environ | {"PYTHONDONTWRITEBYTECODE": ""},
)
RUN = ("run", PYTHON.app, "--port", "0")

VERSIONED = """
from spikard import Spikard

app = Spikard()
print("loaded")

@app.get("/")
def answer() -> str:
    return "VERSION"
"""


def write(folder: Path, version: str) -> None:
    """Always of the same second and size, which is how Python tells whether its compiled file is of this source."""
    app = folder / PYTHON.app
    app.write_text(VERSIONED.replace("VERSION", version))
    os.utime(app, (1_700_000_000, 1_700_000_000))


def test_workers_run_in_the_environment_of_the_command() -> None:
    with started(PYTHON, [*PYTHON.spikard, *RUN, "--workers", "2"]) as supervised:
        for worker in supervised.pids(2):
            assert Path(f"/proc/{worker}/cmdline").read_bytes().split(b"\0")[0].decode() == sys.executable


# As in a package that was built from sources: no program lies in it.
IN_PYTHON = (
    "-c",
    "from spikard import __main__ as m, _bridge; import sys; _bridge.PROGRAM = 'none'; sys.exit(m.main())",
)


def test_without_the_program_the_supervisor_runs_in_python() -> None:
    with started(PYTHON, [sys.executable, *IN_PYTHON, *RUN, "--workers", "2"]) as supervised:
        supervised.pids(2)
        executable = Path(f"/proc/{supervised.process.pid}/exe").readlink()
        assert executable == Path(sys.executable).resolve()
        assert supervised.end() == 0


def test_a_reload_serves_what_was_saved_also_within_the_second_of_the_compiled_file() -> None:
    with started(PYTHON, [*PYTHON.spikard, *RUN, "--workers", "2"], source=VERSIONED) as supervised:
        port = supervised.port
        for version in ("1", "2"):
            write(supervised.folder, version)
            reloaded = sum("reloaded: 2 workers" in line for line in supervised.lines)
            supervised.process.send_signal(signal.SIGHUP)
            supervised.line("reloaded: 2 workers", count=reloaded + 1)
            # An old worker may still take a connection before it hears that it is to leave.
            supervised.until(lambda version=version: {get(port, "/") for _ in range(24)} == {version})  # type: ignore[misc]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_without_a_traceback(number: signal.Signals) -> None:
    with started(PYTHON, [*PYTHON.spikard, *RUN, "--workers", "2"], source=VERSIONED) as supervised:
        address = f"http://127.0.0.1:{supervised.port}"
        assert supervised.end(number) == 0
        supervised.listener.join(10)
        # In no order: what workers print and what the supervisor says are two streams.
        assert sorted(supervised.lines) == [
            f"spikard: {address}, 2 workers (Ctrl-C stops)",
            "spikard: stopping: open requests are finished; a second signal ends at once",
            "worker 1 | loaded",
            "worker 2 | loaded",
        ]


FAILS = """
from spikard import Spikard

app = Spikard(access_log=True)
print("loaded")

@app.get("/fails")
def fails() -> str:
    raise KeyError("the shelf")
"""


def test_each_line_is_an_object_and_a_traceback_is_one_too() -> None:
    with started(PYTHON, [*PYTHON.spikard, *RUN, "--workers", "1", "--log-format", "json"], source=FAILS) as supervised:
        client = Client(supervised.port)
        client.ask("/fails")
        with pytest.raises(OSError, match=r"http/1\.1 500"):
            client.answer()
        supervised.line('"path":"/fails"')
        supervised.line("KeyError")
        assert supervised.end() == 0
        supervised.listener.join(10)
        lines = [json.loads(line) for line in supervised.lines]
    of_worker = [line for line in lines if line.get("worker") == 1]
    assert {line["stream"] for line in lines} == {"stdout", "stderr", "supervisor"}
    assert all(abs(line["time"] - time.time()) < 60 for line in lines)
    assert [line["line"] for line in of_worker if line["stream"] == "stdout"] == ["loaded"]
    (request,) = [line for line in of_worker if line.get("path") == "/fails"]
    assert (request["method"], request["status"]) == ("GET", 500)
    (failure,) = [line for line in of_worker if line.get("event") == "internal"]
    assert failure["cause"].endswith("    raise KeyError(\"the shelf\")\nKeyError: 'the shelf'\n")
