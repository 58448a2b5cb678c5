"""The command with workers of one language, as tests start, hear and ask it. Tests nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clients import LIMIT, Client, get
from languages import APPS, Language


class Supervised:
    """A process that serves; it ends with its test at the latest, and its workers with it."""

    def __init__(self, language: Language, folder: Path, command: Sequence[str], run: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**language.environment(), "GATE": str(folder / "gate"), "RUN": run, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self.heard = threading.Condition()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.heard:
                self.lines.append(line.rstrip("\n"))
                self.heard.notify_all()

    def line(self, part: str, *, count: int = 1) -> str:
        """The first line, or a later one, that contains this, once it came."""

        def found() -> list[str]:
            return [line for line in self.lines if part in line][count - 1 :]

        with self.heard:
            lines = self.heard.wait_for(found, LIMIT)
            assert lines, self.lines
            return lines[0]

    @property
    def port(self) -> int:
        address = re.search(r"http://127\.0\.0\.1:(\d+)", self.line("http://127.0.0.1:"))
        assert address is not None
        return int(address[1])

    def pids(self, count: int) -> set[int]:
        """The workers that answer; asks until there are so many."""
        found: set[int] = set()
        self.until(lambda: len(found) == count or bool(found.add(int(get(self.port)))))  # type: ignore[func-returns-value]
        return found

    def until(self, there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT
        while not there():
            assert time.monotonic() < deadline, self.lines

    def until_refused(self) -> None:
        """Waits until nobody new is let in."""

        def refused() -> bool:
            try:
                Client(self.port).close()
            except ConnectionError:
                return True
            return False

        self.until(refused)

    def control(self, path: str) -> str:
        """What the supervisor answers with 200 at `--control ./control`."""
        client = Client(str(self.folder / "control"))
        try:
            client.ask(path)
            return client.answer()
        finally:
            client.close()

    def open_gate(self) -> None:
        (self.folder / "gate").touch()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(LIMIT)


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@contextmanager
def folder(language: Language) -> Iterator[Path]:
    """With the app in it, where the app finds its language's package."""
    with tempfile.TemporaryDirectory(dir=language.home, prefix="supervision-") as place:
        shutil.copy(APPS / language.app, place)
        yield Path(place)


@contextmanager
def started(
    language: Language, command: Sequence[str], *, toml: str = "", run: str = "{}", source: str = ""
) -> Iterator[Supervised]:
    """
    A command in such a folder, with this `spikard.toml` and, where it is given, this source of the app; `run` is what a
    program gives to its app's `run()`.
    """
    with folder(language) as place:
        if source:
            (place / language.app).write_text(source)
        if toml:
            (place / "spikard.toml").write_text(toml)
        supervised = Supervised(language, place, command, run)
        try:
            yield supervised
        finally:
            # Workers first: one that is stopped would not hear that its supervisor has gone.
            task = Path(f"/proc/{supervised.process.pid}/task/{supervised.process.pid}/children")
            for worker in task.read_text().split() if task.exists() else []:
                os.kill(int(worker), signal.SIGKILL)
            supervised.process.kill()
            supervised.process.wait(LIMIT)
            supervised.listener.join(LIMIT)


@contextmanager
def workers(language: Language, count: int, *options: str) -> Iterator[Supervised]:
    """`spikard run --workers` of the installed package."""
    command = [*language.spikard, "run", language.app, "--port", "0", "--workers", str(count), *options]
    with started(language, command) as supervised:
        yield supervised
