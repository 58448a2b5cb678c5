"""Memory of a worker stays flat over 200,000 requests of every kind of handler."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

APP = """
    import asyncio, contextvars
    import msgspec
    from spikard import NotFound, Request, Response, Spikard

    app = Spikard()
    variable = contextvars.ContextVar("variable")

    class Item(msgspec.Struct):
        name: str
        tags: list[str]

    @app.get("/sync")
    def sync(tag: list[str] = []):
        return {"message": "Hello, World!", "tags": tag}

    @app.get("/async")
    async def at_once():
        return {"message": "Hello, World!"}

    @app.get("/traces")
    async def traces():
        variable.set("x" * 100)
        asyncio.current_task().set_name("mine")
        return {}

    @app.get("/suspended")
    async def suspended(request: Request):
        async with asyncio.timeout(3600):
            await asyncio.sleep(0)
        return {"method": request.method}

    @app.post("/items")
    def create(item: Item) -> Response[Item]:
        return Response(item, status=201, headers={"x-a": "1"})

    @app.get("/missing")
    async def missing():
        raise NotFound("no such thing")

    @app.get("/blocking", blocking=True)
    def blocking():
        return {}

    app.run(port=0)
"""
BODY = b'{"name": "thing", "tags": ["a", "b"]}'
HEAD = b"host: test\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
CHUNK = 50


def message(line: str, body: bytes = b"") -> bytes:
    return f"{line} HTTP/1.1\r\n".encode() + HEAD % len(body) + body


# What is asked, how often in all, and the status.
MIX = [
    (message("GET /sync?tag=a&tag=b"), 60_000, 200),
    (message("GET /async"), 60_000, 200),
    (message("GET /traces"), 10_000, 200),
    (message("GET /suspended"), 30_000, 200),
    (message("POST /items", BODY), 20_000, 201),
    (message("POST /items", b'{"name": 1}'), 5_000, 422),
    (message("GET /missing"), 10_000, 404),
    (message("GET /nowhere"), 3_000, 404),
    (message("GET /blocking"), 2_000, 200),
]


def load(port: int, share: float) -> None:
    """Sends this share of the mix over one connection, some requests at a time."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        for request, count, status in MIX:
            wanted = f"HTTP/1.1 {status} ".encode()
            for _ in range(int(count * share) // CHUNK):
                client.sendall(request * CHUNK)
                answered = 0
                rest = b""
                while answered < CHUNK:
                    data = rest + client.recv(262_144)
                    answered += data.count(wanted)
                    assert b"HTTP/1.1 5" not in data, data[:300]
                    rest = data[-len(wanted) + 1 :]


def resident(pid: int) -> int:
    """Kilobytes."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc, which only Linux has")
def test_memory_stays_flat_over_200_000_requests() -> None:
    paths = os.pathsep.join(path for path in sys.path if path)
    worker = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(APP)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    try:
        assert worker.stderr is not None
        port = int(worker.stderr.readline().split("http://127.0.0.1:")[1].split()[0])
        load(port, 0.2)  # pools, caches and threads fill
        before = resident(worker.pid)
        load(port, 1.0)
        grown = resident(worker.pid) - before
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0
    finally:
        worker.kill()
        worker.communicate()
    assert grown < 1500, f"grew by {grown} kB"
