"""Clients of HTTP/1.1: one that asks, and eight that ask without pause and keep what failed. Test nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

LIMIT = 30.0
"""Seconds in which anything that is waited for happens, on a loaded machine too."""


class Client:
    """A connection to a port, or to a Unix socket's path."""

    def __init__(self, place: int | str) -> None:
        if isinstance(place, int):
            self.socket = socket.create_connection(("127.0.0.1", place), timeout=LIMIT)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(LIMIT)
            self.socket.connect(place)
        self.rest = b""
        self.closes = False
        """The server said in its last answer that it closes."""

    def ask(self, path: str, *, keep: bool = False) -> None:
        connection = "keep-alive" if keep else "close"
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nhost: test\r\nconnection: {connection}\r\n\r\n".encode())

    def answer(self) -> str:
        """The body of a whole answer with status 200."""
        while b"\r\n\r\n" not in self.rest:
            self._read()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *fields = head.decode().lower().split("\r\n")
        if not first.startswith("http/1.1 200 "):
            raise OSError(first)
        named = dict(field.split(": ", 1) for field in fields)
        self.closes = named.get("connection") == "close"
        length = int(named["content-length"])
        while len(self.rest) < length:
            self._read()
        body, self.rest = self.rest[:length], self.rest[length:]
        return body.decode()

    def _read(self) -> None:
        piece = self.socket.recv(65536)
        if not piece:
            raise OSError("the connection ended before the answer did")
        self.rest += piece

    def close(self) -> None:
        self.socket.close()


def get(port: int, path: str = "/pid") -> str:
    """One request on a connection of its own."""
    client = Client(port)
    try:
        client.ask(path)
        return client.answer()
    finally:
        client.close()


class Load:
    """Four clients with a connection per request, four that keep theirs."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.stop = threading.Event()
        self.answered = [0] * 8
        self.failures: list[str] = []
        work = [*[self._ask_anew] * 4, *[self._ask_on] * 4]
        self.threads = [threading.Thread(target=one, args=[index], daemon=True) for index, one in enumerate(work)]
        for thread in self.threads:
            thread.start()

    def go_on(self, requests: int) -> None:
        """Waits until so many more were answered."""
        self.until(lambda goal=sum(self.answered) + requests: sum(self.answered) >= goal)  # type: ignore[misc]

    def until(self, there: Callable[[], bool]) -> None:
        """Lets it go on until that is so."""
        deadline = time.monotonic() + LIMIT
        while not there():
            assert time.monotonic() < deadline, self.failures
            self.stop.wait(0.01)

    def end(self) -> list[str]:
        """What failed."""
        self.stop.set()
        for thread in self.threads:
            thread.join(LIMIT)
        return self.failures

    def _ask_anew(self, index: int) -> None:
        while not self.stop.is_set():
            try:
                get(self.port)
                self.answered[index] += 1
            except OSError as error:
                self.failures.append(f"new connection: {error!r}")

    def _ask_on(self, index: int) -> None:
        """One connection until the server says in an answer that it closes it; nothing is sent again."""
        client: Client | None = None
        while not self.stop.is_set():
            try:
                client = client or Client(self.port)
                client.ask("/pid", keep=True)
                client.answer()
                self.answered[index] += 1
                if not client.closes:
                    continue
            except OSError as error:
                self.failures.append(f"kept connection: {error!r}")
            if client is not None:
                client.close()
            client = None
