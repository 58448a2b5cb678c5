"""Handlers that give their body in chunks."""

from __future__ import annotations

import asyncio
import contextvars
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from test_serving import get, port_of, started

from spikard import NotFound, Response, Spikard
from spikard.errors import SpikardError
from spikard.testing import TestClient

app = Spikard(title="Reports")
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")


@app.get("/lines")
def lines(count: int = 3) -> Iterator[str]:
    for number in range(count):
        yield f"{number}ü\n"


@app.get("/waits")
async def waits() -> AsyncIterator[bytes]:
    for number in range(3):
        await asyncio.sleep(0)
        yield str(number).encode()


@app.get("/made")
async def made() -> Response[Iterator[str]]:
    return Response(iter(["a", "", "b"]), status=202, headers={"x-a": "1"}, content_type="text/csv")


@app.get("/buffers")
def buffers() -> Response[Iterator[Any]]:
    return Response(part for part in (bytearray(b"a"), memoryview(b"b")))


@app.get("/context")
def context() -> Iterator[str]:
    token = variable.set("kept")
    yield variable.get()
    yield variable.get()
    variable.reset(token)


@app.get("/missing")
def missing() -> Iterator[str]:
    raise NotFound("no such report")
    yield


@app.get("/broken")
async def broken() -> AsyncIterator[str]:
    raise RuntimeError("a secret")
    yield


@app.get("/late")
def late() -> Iterator[str]:
    yield "a"
    raise NotFound("too late")


@app.get("/odd")
def odd() -> Response[Any]:
    return Response(iter([{"a": 1}]))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def test_generators_give_chunks(client: TestClient) -> None:
    answer = client.get("/lines")
    assert (answer.text, answer.headers["content-type"]) == ("0ü\n1ü\n2ü\n", "text/plain; charset=utf-8")
    assert "content-length" not in answer.headers
    answer = client.get("/waits")
    assert (answer.content, answer.headers["content-type"]) == (b"012", "application/octet-stream")
    assert client.get("/lines", params={"count": 0}).text == ""
    assert client.get("/buffers").content == b"ab"


def test_a_response_with_an_iterator_has_its_own_status_fields_and_type(client: TestClient) -> None:
    answer = client.get("/made")
    assert (answer.status, answer.text, answer.headers["x-a"]) == (202, "ab", "1")
    assert answer.headers["content-type"] == "text/csv"


def test_a_generator_keeps_its_context(client: TestClient) -> None:
    assert client.get("/context").text == "keptkept"


def test_what_fails_before_the_first_chunk_is_answered(client: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    answer = client.get("/missing")
    assert (answer.status, answer.json()["detail"]) == (404, "no such report")
    answer = client.get("/broken")
    assert (answer.status, "secret" in answer.text) == (500, False)
    assert "a secret" in capfd.readouterr().err
    assert client.get("/odd").status == 500
    assert "a stream gives bytes or str, not dict" in capfd.readouterr().err


def test_what_fails_later_leaves_the_body_unfinished(client: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SpikardError, match="ends early"):
        client.get("/late")
    told = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert (told["event"], told["operation"]) == ("aborted", "GET /late")
    assert "too late" in told["cause"]


def test_the_document_tells_the_type_of_the_chunks() -> None:
    content = app.openapi()["paths"]["/lines"]["get"]["responses"]["200"]["content"]
    assert list(content) == ["text/plain; charset=utf-8"]


SERVED = """
import asyncio, threading, time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from spikard import Spikard

app = Spikard()
closed = []
pulls = 0

@app.get("/sync")
def sync() -> Iterator[bytes]:
    global pulls
    try:
        while True:
            pulls += 1
            yield bytes(65536)
    finally:
        closed.append("sync")

@app.get("/async")
async def waiting() -> AsyncIterator[bytes]:
    try:
        yield b"first"
        await asyncio.sleep(3600)
    finally:
        closed.append("async")

@app.get("/between")
async def between() -> AsyncIterator[bytes]:
    try:
        while True:
            yield bytes(65536)
    finally:
        await asyncio.sleep(0)
        closed.append("between")

@app.get("/blocking", blocking=True)
def blocking() -> Iterator[bytes]:
    try:
        yield b"first"
        let_go.wait()
        yield b"second"
    finally:
        closed.append("blocking")

let_go = threading.Event()

@app.get("/let-go")
def release() -> str:
    let_go.set()
    return "yes"

@app.get("/seen")
def seen() -> dict[str, Any]:
    return {"closed": closed, "pulls": pulls}

app.run(port=0)
"""


@contextmanager
def served(folder: Path) -> Iterator[int]:
    path = folder / "main.py"
    path.write_text(SERVED)
    with started(path) as process:
        yield port_of(process)


def first_bytes(port: int, path: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")
    return client


def seen(port: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get(port, "/seen"))
    return found


def test_a_producer_is_closed_when_its_client_leaves(tmp_path: Path) -> None:
    with served(tmp_path) as port:
        for path in ("/sync", "/async", "/between"):
            first_bytes(port, path).close()
        until = time.monotonic() + 5
        while len(seen(port)["closed"]) < 3:
            assert time.monotonic() < until, seen(port)
        assert sorted(seen(port)["closed"]) == ["async", "between", "sync"]


def test_a_slow_client_holds_the_producer(tmp_path: Path) -> None:
    with served(tmp_path) as port, closing(first_bytes(port, "/sync")):
        before, after = -1, 0
        while after != before:
            before = after
            for _ in range(20):
                after = seen(port)["pulls"]
        assert after * 65536 < 64 << 20  # what sockets hold, and no more


def test_a_generator_that_blocks_holds_nobody_else(tmp_path: Path) -> None:
    with served(tmp_path) as port, closing(first_bytes(port, "/blocking")) as client:
        assert seen(port)["closed"] == []
        assert get(port, "/let-go") == "yes"
        rest = b""
        while not rest.endswith(b"0\r\n\r\n"):
            rest += client.recv(1000)
        assert b"second" in rest
        assert seen(port)["closed"] == ["blocking"]
