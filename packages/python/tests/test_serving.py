"""A served app over real sockets: asyncio inside handlers, clients that leave, signals, memory."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

APP = Path(__file__).parent / "apps" / "served.py"


class Server:
    """The app in a process of its own, on a port of its own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, APP], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, line + self.process.stderr.read()
        self.port = int(found[1])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def get(self, target: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", target)
            answer = connection.getresponse()
            body = answer.read()
            return json.loads(body) if answer.headers["content-type"] == "application/json" else body.decode()
        finally:
            connection.close()

    def resident(self) -> int:
        """Resident memory in bytes."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4096

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Exit code, and seconds from the signal to the end."""
        start = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(10)
        return code, time.monotonic() - start


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()


def test_asyncio_works_as_documented(server: Server) -> None:
    assert server.get("/asyncio") == {"task": True, "timeout": True, "group": True, "thread": True}


def test_libraries_work(server: Server) -> None:
    assert server.get("/libraries") == {"http": True, "sqlite": [42], "subprocess": "3"}


def test_context_variables_are_the_requests_own(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: server.get(f"/context?value={number}"), range(32)))
    assert answers == [["unset", str(number)] for number in range(32)]


def test_blocking_handlers_have_threads(server: Server) -> None:
    assert server.get("/blocking") is True


@pytest.mark.parametrize(("path", "told"), [("/hang", "/ended"), ("/signal", "/signalled")])
def test_a_handler_learns_that_its_client_left(server: Server, path: str, told: str) -> None:
    with server.connect() as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
        assert server.get("/started") is True
    assert server.get(told) is True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once(server: Server, number: int) -> None:
    assert server.get("/pid") == server.process.pid
    code, seconds = server.stop(number)
    assert (code, seconds < 2) == (0, True)
    assert server.process.stdout is not None
    assert server.process.stdout.read() == "lifespan over\n"


def test_open_requests_are_finished(server: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.get, "/slow")
        assert server.get("/started") is True
        code, _ = server.stop()
        assert answer.result() == "finished"
    assert code == 0


def test_a_busy_server_ends(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"GET /spin HTTP/1.1\r\nhost: a\r\n\r\n")
        code, seconds = server.stop()
    assert (code, seconds < 3) == (0, True)


REQUESTS = {
    "path and query": b"GET /users/7?q=a%20b HTTP/1.1\r\nhost: a\r\ncookie: session=s\r\n\r\n",
    "body": b"POST /items HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 25\r\n\r\n"
    b'{"name":"a","price":12.5}',
    "suspended": b"GET /suspended HTTP/1.1\r\nhost: a\r\n\r\n",
    "refused": b"GET /users/x HTTP/1.1\r\nhost: a\r\n\r\n",
}


def test_memory_is_flat_over_200_000_requests(server: Server) -> None:
    batch = b"".join(REQUESTS.values()) * 16
    rounds = 200_000 // (len(REQUESTS) * 16)

    def run(client: socket.socket, count: int) -> None:
        answers = client.makefile("rb")
        for _ in range(count):
            client.sendall(batch)
            for _ in range(len(REQUESTS) * 16):
                read_answer(answers)

    with server.connect() as client:
        run(client, rounds // 10)
        before = server.resident()
        run(client, rounds)
        assert server.resident() - before < 3_000_000


def read_answer(answers: Any) -> None:
    length = 0
    while (line := answers.readline()) not in (b"\r\n", b""):
        if line[:15].lower() == b"content-length:":
            length = int(line[15:])
    assert line, "the connection ended"
    answers.read(length)


def test_many_connections_at_once(server: Server) -> None:
    barrier = threading.Barrier(16)

    def ask(number: int) -> Any:
        barrier.wait()
        return server.get(f"/users/{number}")["id"]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == list(range(16))
