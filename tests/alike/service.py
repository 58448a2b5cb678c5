"""The example app as a service: one worker per language, one port, one SQLite file. Asks them nothing."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from alike.port import Port
from runner.recorder import ended
from runner.wire import Exchange, over_socket

END_LIMIT = 20.0


class Service:
    """Workers of these languages on one port; new connections go to whom the kernel chooses."""

    def __init__(self, commands: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the workers are
        self._port = Port(len(commands))
        self.languages = list(commands)
        self.port = self._port.number
        self._workers: list[subprocess.Popen[bytes]] = []
        for command, listener in zip(commands.values(), self._port.sockets, strict=True):
            inherited = str(listener.fileno())
            database = str(self.folder / "inventory.sqlite")
            self._workers.append(
                subprocess.Popen(
                    shlex.split(command),
                    stdin=subprocess.DEVNULL,
                    stdout=self._log,
                    stderr=self._log,
                    pass_fds=[listener.fileno()],
                    env=os.environ | {"SPIKARD_FD": inherited, "INVENTORY_DB": database},
                )
            )

    def until_ready(self) -> None:
        """Every worker has answered once: requests wait in its socket until it does."""
        for language in self.languages:
            self.ask(language, "GET", "/health/ready", b"host: alike.test\r\nconnection: close\r\n\r\n")

    def ask(self, language: str, method: str, target: str, rest: bytes) -> Exchange:
        """Sends a request on a connection of its own to this language; `rest` is what follows the request line."""
        self._port.only(self.languages.index(language))
        try:
            return over_socket(self.port, [f"{method} {target} HTTP/1.1\r\n".encode() + rest], [method])
        finally:
            self._port.any()

    @property
    def log(self) -> str:
        """What the workers printed, the last of it."""
        self._log.seek(0)
        return self._log.read()[-3000:].decode(errors="replace")

    def close(self) -> list[int]:
        """Ends the workers as their operator would; their exit codes."""
        for worker in self._workers:
            worker.terminate()
        codes = [ended(worker, END_LIMIT) for worker in self._workers]
        self._port.close()
        return codes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._log.close()
        self._folder.cleanup()
