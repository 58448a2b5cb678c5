"""`app.run()` and the `spikard` command as a user starts them; the loop itself is `test_loop.py`'s."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

APP = """
import asyncio
from spikard import Spikard

async def lifespan(app):
    app.state.slow = asyncio.Event()
    yield
    print("lifespan over", flush=True)

app = Spikard(title="Served", lifespan=lifespan)

@app.get("/hello/{name}")
def hello(name: str) -> str:
    return f"hello {name}"

@app.get("/slow")
async def slow() -> str:
    app.state.slow.set()
    await asyncio.sleep(0.1)
    return "finished"

@app.get("/started")
async def started() -> str:
    async with asyncio.timeout(5):
        await app.state.slow.wait()
    return "yes"

if __name__ == "__main__":
    app.run(port=0)
"""


@pytest.fixture
def main(tmp_path: Path) -> Path:
    path = tmp_path / "main.py"
    path.write_text(APP)
    return path


@contextmanager
def started(*command: str | Path, fds: tuple[int, ...] = (), **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *command],
        env=os.environ | environment,
        pass_fds=fds,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def port_of(process: subprocess.Popen[str]) -> int:
    """Reads the line that says where the app is."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise AssertionError(f"it never said where it serves: {''.join(said)}")


def get(port: int, target: str) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", target)
        return connection.getresponse().read().decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_program_serves_until_a_signal(main: Path, number: int) -> None:
    with started(main) as process:
        assert get(port_of(process), "/hello/you") == "hello you"
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stdout is not None
        assert process.stdout.read() == "lifespan over\n"


def test_open_requests_are_finished(main: Path) -> None:
    with started(main) as process, ThreadPoolExecutor(1) as pool:
        port = port_of(process)
        answer = pool.submit(get, port, "/slow")
        assert get(port, "/started") == "yes"
        process.terminate()
        assert answer.result() == "finished"
        assert process.wait(10) == 0


def test_the_command_serves_a_file(main: Path) -> None:
    with started("-m", "spikard", "run", main, "--port", "0") as process:
        assert get(port_of(process), "/hello/you") == "hello you"
        process.terminate()
        assert process.wait(10) == 0


def test_a_worker_takes_a_socket_and_says_when_it_is_ready(main: Path) -> None:
    read, write = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fds = (listener.fileno(), write)
        environment = {"SPIKARD_FD": str(fds[0]), "SPIKARD_READY_FD": str(fds[1])}
        with started("-m", "spikard._worker", main, fds=fds, **environment) as process:
            os.close(write)
            said = b""
            while select.select([read], [], [], 10)[0] and (piece := os.read(read, 100)):
                said += piece
            assert said == b"ready\n"
            os.close(read)
            assert get(listener.getsockname()[1], "/hello/you") == "hello you"
            process.terminate()
            assert process.wait(10) == 0


def test_a_busy_port_is_named(main: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        main.write_text(APP.replace("port=0", f"port={port}"))
        with started(main) as process:
            assert process.wait(10) == 1
            assert process.stderr is not None
            assert f"cannot listen on 127.0.0.1:{port}" in process.stderr.read()


def test_the_command_describes_an_app(main: Path) -> None:
    def said(verb: str) -> str:
        with started("-m", "spikard", verb, main) as process:
            output, errors = process.communicate(timeout=20)
            assert process.returncode == 0, errors
            return output

    assert re.search(r"GET\s+/hello/\{name\}", said("routes"))
    assert json.loads(said("openapi"))["info"]["title"] == "Served"
