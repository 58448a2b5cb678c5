"""The command with Python workers, as tests start, hear and ask it. Tests nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

APP = """
import os
from spikard import Spikard

app = Spikard()
print("loaded")

@app.get("/")
def answer() -> str:
    return "VERSION {}".format(os.getpid())
"""

# A handler that holds the loop, and a frame that says so.
BLOCKS = """
import threading
from spikard import Spikard

app = Spikard()

@app.get("/")
def answer() -> str:
    return "1 1"

@app.get("/block")
async def block() -> None:
    wait_for_ever()

def wait_for_ever() -> None:
    threading.Event().wait()
"""

SPIKARD = ["-m", "spikard"]


class Supervised:
    """Two workers and their supervisor, stopped by its pid at the latest when the test ends."""

    def __init__(
        self,
        folder: Path,
        source: str = APP,
        options: Sequence[str] = ("--workers", "2"),
        command: Sequence[str] = SPIKARD,
    ) -> None:
        self.app = folder / "app.py"
        self.source = source
        self.write("1")
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, *command, "run", "app.py", "--port", "0", *options],
            cwd=folder,
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                "PYTHONDONTWRITEBYTECODE": "",
                "NO_COLOR": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.heard = threading.Condition()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        self.port = int(self.line("http://127.0.0.1:").split("http://127.0.0.1:")[1].split(",")[0])

    def write(self, version: str) -> None:
        """Always of the same second and size, which is how Python tells whether its compiled file is of this source."""
        self.app.write_text(self.source.replace("VERSION", version))
        os.utime(self.app, (1_700_000_000, 1_700_000_000))

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.heard:
                self.lines.append(line.rstrip("\n"))
                self.heard.notify_all()

    def line(self, part: str) -> str:
        """The first line that contains this, once it came."""
        with self.heard:
            found = self.heard.wait_for(lambda: [line for line in self.lines if part in line], 20)
            assert found, self.lines
            return found[0]

    def ask(self) -> tuple[str, int]:
        """The version and the process that answer on a new connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
            answer = b""
            while chunk := client.recv(65536):
                answer += chunk
        version, pid = answer.rpartition(b"\r\n\r\n")[2].decode().split()
        return version, int(pid)

    def workers(self, version: str) -> set[int]:
        """The two processes that answer with this version, once both do and no other does."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            answers = [self.ask() for _ in range(24)]
            pids = {pid for _, pid in answers}
            if {answered for answered, _ in answers} == {version} and len(pids) == 2:
                return pids
        raise AssertionError(answers)


@contextmanager
def running(folder: Path, source: str, *options: str) -> Iterator[Supervised]:
    supervised = Supervised(folder, source, options)
    try:
        yield supervised
    finally:
        supervised.process.kill()
        supervised.process.wait(10)
