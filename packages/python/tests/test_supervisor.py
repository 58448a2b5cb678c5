"""`spikard run --workers` with Python workers: killed, reloaded, interrupted."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervised import APP, BLOCKS, Supervised, running

from spikard._bridge import PROGRAM

# As in a package that was built from sources: no program lies in it.
IN_PYTHON = [
    "-c",
    "from spikard import __main__ as m, _bridge; import sys; _bridge.PROGRAM = 'none'; sys.exit(m.main())",
]


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    with running(tmp_path, APP, "--workers", "2") as supervised:
        yield supervised


def test_the_supervisor_is_no_interpreter(supervised: Supervised) -> None:
    supervised.workers("1")
    process = Path(f"/proc/{supervised.process.pid}")
    assert process.joinpath("exe").readlink() == PROGRAM.resolve()
    resident = re.search(r"VmRSS:\s+(\d+) kB", process.joinpath("status").read_text())
    assert resident is not None
    assert int(resident[1]) <= 12 * 1024


def test_workers_run_in_the_environment_of_the_command(supervised: Supervised) -> None:
    for worker in supervised.workers("1"):
        assert Path(f"/proc/{worker}/cmdline").read_bytes().split(b"\0")[0].decode() == sys.executable


def test_without_the_program_the_supervisor_runs_in_python(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path, command=IN_PYTHON)
    try:
        supervised.workers("1")
        executable = Path(f"/proc/{supervised.process.pid}/exe").readlink()
        assert executable == Path(sys.executable).resolve()
        supervised.process.terminate()
        assert supervised.process.wait(10) == 0
    finally:
        supervised.process.kill()
        supervised.process.wait(10)


def test_a_killed_worker_is_back_soon_and_nobody_is_refused(supervised: Supervised) -> None:
    before = supervised.workers("1")
    victim = before.pop()
    os.kill(victim, signal.SIGSTOP)  # it accepts nothing more: what comes for it waits in its queue
    os.kill(victim, signal.SIGKILL)
    killed = time.monotonic()
    while (pid := supervised.ask()[1]) in before:
        assert time.monotonic() - killed < 10
    assert pid != victim
    assert time.monotonic() - killed < 2, "starting an interpreter takes a tenth of that"
    assert "(signal: 9 (SIGKILL)): started again" in supervised.line("ended")


def test_a_reload_serves_the_new_code_and_fails_nobody(supervised: Supervised) -> None:
    before = supervised.workers("1")
    supervised.write("2")
    supervised.process.send_signal(signal.SIGHUP)
    assert before.isdisjoint(supervised.workers("2"))  # asks all the time; each answer counts
    assert supervised.line("reloaded: 2 workers")


def test_a_reload_to_code_that_fails_leaves_the_old_one(supervised: Supervised) -> None:
    before = supervised.workers("1")
    supervised.app.write_text("import nothing_like_this")
    supervised.process.send_signal(signal.SIGHUP)
    assert "reload given up, the old workers serve on" in supervised.line("given up")
    assert supervised.line("ModuleNotFoundError").startswith("worker 1 | ")
    assert supervised.workers("1") == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_without_a_traceback(supervised: Supervised, number: signal.Signals) -> None:
    supervised.process.send_signal(number)
    assert supervised.process.wait(10) == 0
    supervised.listener.join(10)
    address = f"http://127.0.0.1:{supervised.port}"
    # In no order: what workers print and what the supervisor says are two streams.
    assert sorted(supervised.lines) == [
        f"spikard: {address}, 2 workers (Ctrl-C stops)",
        "spikard: stopping: open requests are finished; a second signal ends at once",
        "worker 1 | loaded",
        "worker 2 | loaded",
    ]


# Becomes the leader of a session with this terminal, then the command. The tests themselves may run under nohup.
ON_TERMINAL = """
import os, signal, sys
os.setsid()
os.dup2(os.open(sys.argv[1], os.O_RDWR), 0)
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[2] == "True" else signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[3:]])
"""


@pytest.mark.skipif(not os.path.ismount("/dev/pts"), reason="no terminals here: mount /dev/pts")
@pytest.mark.parametrize(("outlives", "told"), [(False, "stopping"), (True, "reloaded: 1 worker")])
def test_closing_the_terminal_ends_it_unless_it_was_told_to_outlive_it(
    tmp_path: Path, outlives: bool, told: str
) -> None:
    (tmp_path / "app.py").write_text(APP.replace("VERSION", "1"))
    terminal, slave = pty.openpty()
    command = ["-m", "spikard", "run", "--port", "0", "--workers", "1"]
    with subprocess.Popen(
        [sys.executable, "-c", ON_TERMINAL, os.ttyname(slave), str(outlives), *command],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "NO_COLOR": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        limit = threading.Timer(20, process.kill)
        limit.start()
        assert process.stderr is not None
        assert "http://" in process.stderr.readline()
        os.close(slave)
        os.close(terminal)
        assert any(told in line for line in process.stderr)
        limit.cancel()
        if outlives:
            process.terminate()
        assert process.wait(10) == 0


def test_a_handler_that_blocks_the_loop_is_shown_and_its_worker_replaced(tmp_path: Path) -> None:
    with running(tmp_path, BLOCKS, "--workers", "1", "--stuck-timeout", "1s", "--stop-timeout", "1s") as supervised:
        with socket.create_connection(("127.0.0.1", supervised.port), timeout=20) as client:
            client.sendall(b"GET /block HTTP/1.1\r\nhost: test\r\n\r\n")
            supervised.line("worker 1 has not turned its loop for 1 s, with 1 request open: replaced")
            assert "app.py" in supervised.line("in wait_for_ever")
            supervised.line("did not end within 1s: its open requests are cut")
            assert client.recv(1) == b""
        supervised.ask()
