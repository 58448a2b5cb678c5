"""Workers of every language: what is lost when they are killed, reloaded, recycled, blocked or ended."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from clients import LIMIT, Client, Load, get
from languages import Language
from supervised import Supervised, folder, is_alive, started, workers


def best_of_five(measure: Callable[[], float], bound: float) -> None:
    """What it takes is bounded; what else the machine does meanwhile is not."""
    seconds = [measure()]
    while min(seconds) >= bound and len(seconds) < 5:
        seconds.append(measure())
    print("seconds:", seconds)
    assert min(seconds) < bound, seconds


def test_killed_workers_are_back_within_a_second_and_their_queues_are_answered(language: Language) -> None:
    best_of_five(lambda: seconds_until_back(language), 1.0)


def seconds_until_back(language: Language) -> float:
    """From the end of both workers until everything is answered that waited in their queues."""
    with workers(language, 2) as supervised:
        before = supervised.pids(2)
        for pid in before:
            os.kill(pid, signal.SIGSTOP)  # it accepts nothing more
        waiting = [Client(supervised.port) for _ in range(100)]
        for client in waiting:
            client.ask("/pid")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        answering = {int(client.answer()) for client in waiting}
        seconds = time.monotonic() - killed
        assert len(answering) == 2
        assert answering.isdisjoint(before)
        assert supervised.line("(signal: 9 (SIGKILL)): started again")
    return seconds


def test_a_kill_under_load_costs_no_more_than_what_the_worker_was_doing(language: Language) -> None:
    with workers(language, 2) as supervised:
        supervised.pids(2)
        load = Load(supervised.port)
        load.go_on(200)
        os.kill(int(get(supervised.port)), signal.SIGKILL)
        supervised.line("(signal: 9 (SIGKILL))")
        load.go_on(400)
        # A client does one thing at a time, so the kill can cut one request of each.
        assert len(load.end()) <= 8, load.failures
        assert not [failure for failure in load.failures if "refused" in failure]


def test_a_reload_under_load_loses_nothing(language: Language) -> None:
    with workers(language, 2) as supervised:
        before = supervised.pids(2)
        load = Load(supervised.port)
        load.go_on(500)
        supervised.process.send_signal(signal.SIGHUP)
        supervised.line("reloaded: 2 workers")
        load.until(lambda: not any(map(is_alive, before)))
        load.go_on(200)
        assert load.end() == []
        assert resident_kilobytes(supervised) <= 12 * 1024


def test_a_reload_to_an_app_that_fails_keeps_the_old_one(language: Language) -> None:
    with workers(language, 2) as supervised:
        before = supervised.pids(2)
        (supervised.folder / language.app).write_text(language.broken)
        supervised.process.send_signal(signal.SIGHUP)
        supervised.line("reload given up, the old workers serve on")
        assert supervised.line(language.told[-1])
        assert supervised.pids(2) == before


def test_a_signal_loses_none_of_two_thousand_open_requests(language: Language) -> None:
    with workers(language, 2) as supervised:
        supervised.pids(2)
        waiting = [Client(supervised.port) for _ in range(2_000)]
        for client in waiting:
            client.ask("/held", keep=True)
        supervised.process.send_signal(signal.SIGTERM)
        supervised.until_refused()
        supervised.open_gate()
        for client in waiting:
            assert client.answer()
        assert supervised.process.wait(LIMIT) == 0
        for client in waiting:
            client.close()


def test_a_worker_that_blocks_is_shown_and_replaced(language: Language) -> None:
    with workers(language, 1, "--stuck-timeout", "1s", "--stop-timeout", "1s") as supervised:
        (first,) = supervised.pids(1)
        client = Client(supervised.port)
        client.ask("/blocked")
        assert "has not turned its loop for" in supervised.line("with 1 request open: replaced")
        for part in language.traceback:
            assert supervised.line(part)
        supervised.line("did not end within 1s: its open requests are cut")
        with pytest.raises(OSError):  # ended, or reset, as the kernel likes
            client.answer()
        assert supervised.pids(1) != {first}


def test_the_supervisor_answers_while_its_workers_cannot(language: Language) -> None:
    with workers(language, 1, "--stuck-timeout", "0", "--control", "./control") as supervised:
        (worker,) = supervised.pids(1)
        client = Client(supervised.port)
        client.ask("/blocked")

        def blocked() -> bool:
            (told,) = json.loads(supervised.control("/workers"))
            assert (told["pid"], told["state"]) == (worker, "serving")
            age = told["heartbeat_age_seconds"]
            return told["open_requests"] == 1 and age is not None and age > 0.3

        supervised.until(blocked)
        supervised.control("/health/live")
        supervised.control("/health/ready")
        assert 'spikard_requests_open{worker="1"' in supervised.control("/metrics")
        supervised.open_gate()
        assert int(client.answer()) == worker


def test_workers_are_recycled_by_requests_without_loss(language: Language) -> None:
    with workers(language, 2, "--max-requests", "300") as supervised:
        before = supervised.pids(2)
        load = Load(supervised.port)
        load.until(lambda: not any(map(is_alive, before)))
        load.go_on(200)
        assert load.end() == []
        assert int(re.split(r"has answered (\d+)", supervised.line(" requests: replaced"))[1]) >= 270


def test_a_save_is_served_within_half_a_second(language: Language) -> None:
    command = [*language.spikard, "dev", language.app, "--port", "0"]
    with started(language, command) as supervised:
        app, port = supervised.folder / language.app, supervised.port
        get(port)  # waits for the first start

        def seconds_until_served() -> float:
            before = get(port)
            since = time.monotonic()
            app.write_text(app.read_text() + "\n")
            while get(port) == before:  # another process has another number
                assert time.monotonic() - since < LIMIT, supervised.lines
            return time.monotonic() - since

        best_of_five(seconds_until_served, 0.5)


def test_an_app_that_does_not_load_is_told_by_its_own_error(language: Language) -> None:
    best_of_five(lambda: seconds_until_told(language), 2.0)


def seconds_until_told(language: Language) -> float:
    """From the start to the end of a command whose app does not load."""
    with folder(language) as place:
        (place / language.app).write_text(language.broken)
        command = [*language.spikard, "run", language.app, "--port", "0", "--workers", "4"]
        since = time.monotonic()
        done = subprocess.run(
            command, cwd=place, env=language.environment(), capture_output=True, text=True, timeout=LIMIT
        )
        seconds = time.monotonic() - since
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert [part for part in language.told if part not in said] == [], said
    assert "worker 2" not in said, "it is told once"
    return seconds


def test_a_program_with_workers_becomes_their_supervisor(language: Language) -> None:
    command = [*language.program, language.app]
    with started(language, command, run='{"port": 0, "workers": 2}') as supervised:
        assert "2 workers" in supervised.line("http://")
        assert supervised.process.pid not in supervised.pids(2)
        # The program has taken the place of the interpreter.
        executable = Path(f"/proc/{supervised.process.pid}/exe").readlink()
        assert executable.name == "spikard"
        assert resident_kilobytes(supervised) <= 12 * 1024
        assert supervised.end() == 0


def test_a_program_obeys_the_file_beside_it(language: Language) -> None:
    toml = 'port = 0\nopenapi_path = "/papers.json"\n'
    with started(language, [*language.program, language.app], toml=toml) as supervised:
        assert supervised.port != 8000
        assert int(get(supervised.port)) == supervised.process.pid
        assert '"Supervised"' in get(supervised.port, "/papers.json")
        assert supervised.end(signal.SIGINT) == 0


def resident_kilobytes(supervised: Supervised) -> int:
    status = Path(f"/proc/{supervised.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1])
