"""A recording app as a child process: starts it on a socket of ours, tells it replies, asks what it saw, ends it.

Every wait has a limit; a program that died or does not answer raises RecorderError. Judges nothing.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from runner.wire import PATIENCE

START_LIMIT = 20.0 * PATIENCE
ANSWER_LIMIT = 5.0 * PATIENCE


class RecorderError(Exception):
    """The recording app is dead, silent, or does not follow the protocol."""


class Recorder:
    """One recording app for one contract and config."""

    def __init__(
        self,
        command: str,
        document: Mapping[str, Any],
        config: Mapping[str, Any],
        environment: Mapping[str, str],
        listener: socket.socket | None = None,
    ) -> None:
        """On `listener`, which stays the caller's, else on a port of its own."""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the process is
        with listener.dup() if listener else socket.create_server(("127.0.0.1", 0), backlog=128) as inherited:
            self.port: int = inherited.getsockname()[1]
            inherited.set_inheritable(True)
            self._process = subprocess.Popen(
                shlex.split(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                pass_fds=[inherited.fileno()],
                env=os.environ | {"SPIKARD_FD": str(inherited.fileno())} | dict(environment),
            )
        self._buffer = bytearray()
        try:
            started = self._ask({"start": {"contract": document, "config": config}}, START_LIMIT)
            if "ready" not in started:
                raise RecorderError("the recorder did not answer `ready`")
            self.lacks: list[str] = started.get("lacks", [])
            self.in_process: bool = started.get("in_process", False)
        except RecorderError:
            self.close()
            raise

    def prepare(self, case: str, reply: Mapping[str, Any], hooks: Mapping[str, Any]) -> None:
        """Forgets what was seen, and says what the handler answers and what hooks do from now on."""
        self._ask({"case": case, "reply": reply, "hooks": hooks}, ANSWER_LIMIT)

    def observed(self) -> dict[str, Any]:
        """What the handler saw since `prepare`."""
        return self._ask({"observed": True}, ANSWER_LIMIT)

    def stop_serving(self) -> None:
        """Tells the program to stop as its operator would, and waits until it accepts no more."""
        self.terminate()
        until_refused(self.port)

    def terminate(self) -> None:
        """Tells the program to stop as its operator would."""
        self._process.send_signal(signal.SIGTERM)

    def exchange(self, message: bytes) -> bytes:
        """Every byte that its test client answers with; only where it is `in_process`."""
        answer = self._ask({"exchange": base64.b64encode(message).decode()}, ANSWER_LIMIT)
        return base64.b64decode(answer["answer"])

    @property
    def alive(self) -> bool:
        """The process still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """Ends the process: asks it, then kills it."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(b'{"stop": true}\n')
            process.stdin.close()
        except OSError:
            pass  # It is dead already.
        ended(process, 2)
        process.stdout.close()
        self._stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, question: Mapping[str, Any], limit: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._dead() from None
        line = self._line(time.monotonic() + limit)
        try:
            answer = json.loads(line)
        except ValueError:
            raise RecorderError(f"the recorder said {line[:200]!r}, which is not JSON") from None
        if not isinstance(answer, dict):
            raise RecorderError(f"the recorder said {line[:200]!r}, which is not an object")
        return answer

    def _line(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        stdout = self._process.stdout.fileno()
        while (end := self._buffer.find(b"\n")) < 0:
            ready, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise RecorderError(f"the recorder does not answer{self._last_words()}")
            piece = os.read(stdout, 65536)
            if not piece:
                raise self._dead()
            self._buffer += piece
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _dead(self) -> RecorderError:
        try:
            code: object = self._process.wait(1)
        except subprocess.TimeoutExpired:
            code = "unknown; its output is closed"
        return RecorderError(f"the recorder is dead (exit code {code}){self._last_words()}")

    def _last_words(self) -> str:
        self._stderr.seek(0)
        words = self._stderr.read()[-1500:].decode(errors="replace").strip()
        return f": {words}" if words else ""


def ended(process: subprocess.Popen[bytes], limit: float) -> int:
    """The exit code of a process that was asked to end; killed when it has not after so many seconds."""
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def until_refused(port: int) -> None:
    """Waits until nobody accepts connections there."""
    deadline = time.monotonic() + ANSWER_LIMIT
    while accepts(port):
        if time.monotonic() > deadline:
            raise RecorderError("the recorder still accepts connections after SIGTERM")


def accepts(port: int) -> bool:
    """Somebody listens there, or did a moment ago: whoever comes while a socket is being closed is reset."""
    with contextlib.suppress(ConnectionResetError):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=ANSWER_LIMIT).close()
        except ConnectionRefusedError:
            return False
    return True
