"""The installed command as an operator meets it: what it answers, logs and refuses, and what a kill costs."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from supervised import APP, BLOCKS, Supervised, running

T = TypeVar("T")


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


def until(wanted: Callable[[], T | None]) -> T:
    """What comes of asking again and again."""
    deadline = time.monotonic() + 20
    while (found := wanted()) is None:
        assert time.monotonic() < deadline
    return found


def control(folder: Path, path: str) -> tuple[int, str]:
    """What the supervisor answers at `--control ./control`."""
    connection = http.client.HTTPConnection("supervisor", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(10)
    connection.sock.connect(str(folder / "control"))
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode()


def test_the_supervisor_tells_what_its_workers_do(tmp_path: Path) -> None:
    with running(tmp_path, APP, "--workers", "2", "--control", "./control") as supervised:
        pids = supervised.workers("1")
        assert control(tmp_path, "/health/ready")[0] == control(tmp_path, "/health/live")[0] == 200

        def beating() -> list[dict[str, Any]] | None:
            workers: list[dict[str, Any]] = json.loads(control(tmp_path, "/workers")[1])
            return workers if all(worker["heartbeat_age_seconds"] is not None for worker in workers) else None

        workers = until(beating)
        assert {(worker["pid"], worker["state"]) for worker in workers} == {(pid, "serving") for pid in pids}
        assert all(worker["resident_bytes"] > 5e6 and worker["heartbeat_age_seconds"] < 5 for worker in workers)
        asked = sum(worker["requests"] for worker in workers)
        metrics = control(tmp_path, "/metrics")[1].splitlines()
        counted = [int(line.split()[-1]) for line in metrics if 'class="2xx"' in line]
        assert sum(counted) == asked >= 24


def test_the_supervisor_answers_while_its_worker_cannot(tmp_path: Path) -> None:
    options = ("--workers", "1", "--control", "./control", "--stuck-timeout", "0")
    with (
        running(tmp_path, BLOCKS, *options) as supervised,
        socket.create_connection(("127.0.0.1", supervised.port), timeout=20) as client,
    ):
        client.sendall(b"GET /block HTTP/1.1\r\nhost: test\r\n\r\n")

        def stuck() -> float | None:
            worker = json.loads(control(tmp_path, "/workers")[1])[0]
            age: float | None = worker["heartbeat_age_seconds"]
            return age if worker["open_requests"] == 1 and (age or 0) > 0.5 else None

        try:
            until(stuck)
            assert control(tmp_path, "/health/ready")[0] == 200
        finally:
            # It never comes to hear of its supervisor's end.
            os.kill(json.loads(control(tmp_path, "/workers")[1])[0]["pid"], signal.SIGKILL)


FAILS = """
from spikard import Spikard

app = Spikard(access_log=True)
print("loaded")

@app.get("/")
def answer() -> str:
    return "1 1"

@app.get("/fails")
def fails() -> str:
    raise KeyError("the shelf")
"""


def test_each_line_is_an_object_where_programs_read_them(tmp_path: Path) -> None:
    with running(tmp_path, FAILS, "--workers", "1", "--log-format", "json") as supervised:
        client = http.client.HTTPConnection("127.0.0.1", supervised.port, timeout=10)
        client.request("GET", "/fails")
        assert client.getresponse().status == 500
        client.close()
        supervised.line('"path":"/fails"')
        supervised.line("KeyError")
        supervised.process.terminate()
        assert supervised.process.wait(10) == 0
        supervised.listener.join(10)
        lines = [json.loads(line) for line in supervised.lines]
    of_worker = [line for line in lines if line.get("worker") == 1]
    assert {line["stream"] for line in lines} == {"stdout", "stderr", "supervisor"}
    assert all(abs(line["time"] - time.time()) < 60 for line in lines)
    assert len({line["pid"] for line in of_worker}) == 1
    assert [line["line"] for line in of_worker if line["stream"] == "stdout"] == ["loaded"]
    (request,) = [line for line in of_worker if line.get("path") == "/fails"]
    assert (request["method"], request["status"]) == ("GET", 500)
    (failure,) = [line for line in of_worker if line.get("event") == "internal"]
    assert failure["cause"].endswith("    raise KeyError(\"the shelf\")\nKeyError: 'the shelf'\n")


class Clients:
    """Ask without pause, each time on a new connection, and keep what failed, with the moment in which it connected."""

    def __init__(self, supervised: Supervised) -> None:
        self.supervised = supervised
        self.answers: list[int] = []
        self.failed: list[tuple[float, str]] = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._ask) for _ in range(4)]
        for thread in self.threads:
            thread.start()

    def _ask(self) -> None:
        while not self.stop.is_set():
            begun = time.monotonic()
            try:
                self.answers.append(self.supervised.ask()[1])
            except (OSError, ValueError) as error:
                self.failed.append((begun, repr(error)))

    def answered_by(self, worker: int) -> None:
        seen = len(self.answers)
        until(lambda: True if worker in self.answers[seen:] else None)

    def answered_by_other_than(self, workers: set[int]) -> None:
        seen = len(self.answers)
        until(lambda: True if set(self.answers[seen:]) - workers else None)

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(20)


def test_a_kill_refuses_and_resets_no_new_connection(tmp_path: Path) -> None:
    with running(tmp_path, APP, "--workers", "2") as supervised:
        known = supervised.workers("1")
        clients, kills, back = Clients(supervised), [], []
        try:
            for _ in range(3):
                victim = next(iter(known))
                clients.answered_by(victim)
                os.kill(victim, signal.SIGKILL)
                kills.append(time.monotonic())
                clients.answered_by_other_than(known)
                back.append(time.monotonic() - kills[-1])
                known = supervised.workers("1")
        finally:
            clients.end()
    # What a worker had accepted dies with it: of each client at most the one that was open in that moment.
    new = [why for when, why in clients.failed if not any(kill - 1 < when <= kill for kill in kills)]
    assert new == []
    assert not [why for _, why in clients.failed if "refused" in why]
    assert len(clients.failed) <= 3 * len(clients.threads)
    assert min(back) < 1, back


def test_workers_are_replaced_after_so_many_requests(tmp_path: Path) -> None:
    with running(tmp_path, APP, "--workers", "2", "--max-requests", "100") as supervised:
        before = supervised.workers("1")
        clients = Clients(supervised)
        try:
            until(lambda: True if sum(" requests: replaced" in line for line in supervised.lines) >= 2 else None)
            clients.answered_by_other_than(before)
        finally:
            clients.end()
        assert clients.failed == []
        answered = int(supervised.line(" requests: replaced").split(" requests: ")[0].rsplit(" ", 1)[1])
        assert answered >= 90


@pytest.mark.parametrize("options", [(), ("--workers", "4")], ids=["alone", "supervised"])
def test_an_app_that_cannot_be_imported_is_told_by_its_own_traceback(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "app.py").write_text("def begin():\n    import nothing_here\n\nbegin()\n")
    begun = time.monotonic()
    code, out, said = command("run", "app.py", "--port", "0", *options, cwd=tmp_path)
    assert time.monotonic() - begun < 2
    assert (code, out) == (1, "")
    lines = [line.removeprefix("worker 1 | ") for line in said.splitlines()]
    assert lines[0] == "Traceback (most recent call last):"
    frames = [line for line in lines if line.startswith("  File ")]
    assert len(frames) == 2
    assert all('app.py"' in frame for frame in frames), "no frames but the app's"
    assert "ModuleNotFoundError: No module named 'nothing_here'" in lines
    assert lines.count("Traceback (most recent call last):") == 1
    assert ("spikard: the app did not start (exit status: 1)" in lines) == bool(options)


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["alone", "supervised"])
def test_a_busy_port_is_named_with_who_holds_it_and_the_flag(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "app.py").write_text(APP.replace("VERSION", "1"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code, out, said = command("run", "app.py", "--port", str(port), *options, cwd=tmp_path)
    assert (code, out) == (1, "")
    assert f"127.0.0.1:{port} is in use by " in said
    assert f"(pid {os.getpid()})" in said
    assert f"spikard run app.py --port {port + 1}" in said


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
