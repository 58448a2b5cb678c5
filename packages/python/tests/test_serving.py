"""`app.run()` and the `spikard` command as a user starts them; the loop itself is `test_loop.py`'s."""

from __future__ import annotations

import http.client
import json
import os
import pty
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

from spikard._bridge import PROGRAM

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
def started(
    *command: str | Path,
    fds: tuple[int, ...] = (),
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
    stderr: int = subprocess.PIPE,
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *command],
        env=os.environ | (environment or {}),
        pass_fds=fds,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=stderr,
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
        with started("-m", "spikard._worker", main, fds=fds, cwd=main.parent, environment=environment) as process:
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
            said = process.stderr.read()
            assert f"127.0.0.1:{port} is in use by " in said and f"(pid {os.getpid()})" in said
            assert f"run(port={port + 1}) in its code, else SPIKARD_PORT={port + 1}" in said


@pytest.mark.parametrize("verb", ["run", "dev"])
def test_the_command_names_who_holds_a_busy_port_and_the_flag(main: Path, verb: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with started("-m", "spikard", verb, main, "--port", str(port)) as process:
            _, said = process.communicate(timeout=10)
            assert process.returncode == 1
            assert f"127.0.0.1:{port} is in use by " in said and f"(pid {os.getpid()})" in said
            assert f"spikard {verb} {main} --port {port + 1}" in said


def served(main: Path, arguments: str, environment: dict[str, str]) -> tuple[str, str]:
    """What a program with these arguments of `run` says when it starts, and what it logged."""
    main.write_text(APP.replace("port=0", arguments))
    with started(main, environment=environment) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        port = re.search(r"http://[^ ]*:(\d+)", said)
        assert port, said + process.stderr.read()
        with closing(http.client.HTTPConnection("localhost", int(port[1]), timeout=10)) as connection:
            connection.request("GET", "/hello/you")
            assert connection.getresponse().read() == b"hello you"
        process.terminate()
        return said, process.communicate(timeout=10)[1]


def test_arguments_of_run_go_before_the_environment_and_that_before_the_file(main: Path) -> None:
    (main.parent / "spikard.toml").write_text('host = "nowhere.invalid"\nport = 1\nworkers = 3\naccess_log = true\n')
    # All three are the code's.
    wrong = {"SPIKARD_HOST": "nowhere.invalid", "SPIKARD_PORT": "2", "SPIKARD_WORKERS": "2"}
    said, logged = served(main, 'host="127.0.0.1", port=0, workers=1', wrong)
    assert "http://127.0.0.1:" in said
    assert "1 worker (" in said
    assert "/hello/you" in logged, "an option of the file reaches the app all the same"
    # What the code leaves open is the environment's; what that leaves open is the file's.
    said, _ = served(main, "port=0", {"SPIKARD_HOST": "127.0.0.1", "SPIKARD_WORKERS": "2"})
    assert "http://127.0.0.1:" in said
    assert "2 workers (" in said
    said, _ = served(main, 'host="127.0.0.1"', {"SPIKARD_PORT": "0"})
    assert "3 workers (" in said


@pytest.mark.parametrize(
    ("look", "line"),
    [("pretty", "GET    /hello/you 200 "), ("json", '"path":"/hello/you"'), ("auto", '"path":"/hello/you"')],
)
def test_lines_of_the_log_are_for_people_or_for_programs(main: Path, look: str, line: str) -> None:
    _, logged = served(main, "port=0", {"SPIKARD_ACCESS_LOG": "1", "SPIKARD_LOG_FORMAT": look})
    assert line in logged, logged


@pytest.mark.skipif(not os.path.ismount("/dev/pts"), reason="no terminals here: mount /dev/pts")
@pytest.mark.parametrize(("no_colour", "status"), [("", "\x1b[32m200\x1b[0m"), ("1", "200")])
def test_on_a_terminal_they_are_for_people(main: Path, no_colour: str, status: str) -> None:
    terminal, slave = pty.openpty()
    environment = {"SPIKARD_ACCESS_LOG": "1", "NO_COLOR": no_colour}
    with started(main, environment=environment, stderr=slave) as process:
        os.close(slave)
        port = re.search(r"http://[^ ]*:(\d+)", shown(terminal, "http://"))
        assert port
        assert get(int(port[1]), "/hello/you") == "hello you"
        assert f"GET    /hello/you {status} " in shown(terminal, "/hello/you")
        process.terminate()
        process.wait(10)
    os.close(terminal)


def shown(terminal: int, awaited: str) -> str:
    """What a program writes on it, to the end of the line that has `awaited`."""
    text = ""
    while not re.search(re.escape(awaited) + ".*\n", text):
        assert select.select([terminal], [], [], 10)[0], text
        text += os.read(terminal, 4096).decode()
    return text


def test_a_socket_that_was_handed_over_is_served_whatever_run_says(main: Path) -> None:
    main.write_text(APP.replace("port=0", "port=1"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        environment = {"SPIKARD_FD": str(listener.fileno())}
        with started(main, fds=(listener.fileno(),), environment=environment) as process:
            assert get(listener.getsockname()[1], "/hello/you") == "hello you"
            process.terminate()
            assert process.wait(10) == 0


def test_a_setting_with_a_typing_error_does_not_go_unseen(main: Path) -> None:
    with started(main, environment={"SPIKARD_WORKRES": "4"}) as process:
        assert process.stderr is not None
        told = 'SPIKARD_WORKRES is no setting and does nothing; did you mean "SPIKARD_WORKERS"?'
        assert told in process.stderr.readline()


def again(main: Path, *how: str) -> list[str]:
    """The ways to start a program that serves itself."""
    console = main.with_name("served")
    console.write_text("import runpy, sys\nsys.argv[0] = 'x'\nrunpy.run_path('main.py', run_name='__main__')\n")
    return {"file": ["main.py"], "module": ["-m", "main"], "console script": [console.name], "text": ["-c", APP]}[
        how[0]
    ]


@pytest.mark.parametrize("how", ["file", "module", "console script", "text"])
def test_a_program_with_workers_becomes_their_supervisor(main: Path, how: str) -> None:
    app = APP.replace("port=0", "port=0, workers=2").replace('f"hello {name}"', "str(__import__('os').getpid())")
    main.write_text(app)
    command = [app if word == APP else word for word in again(main, how)]
    with started(*command, cwd=main.parent) as process:
        port = port_of(process)
        workers = {get(port, "/hello/you") for _ in range(24)}
        assert len(workers) == 2
        assert str(process.pid) not in workers
        assert Path(f"/proc/{process.pid}/exe").readlink() == PROGRAM.resolve()
        process.terminate()
        assert process.wait(10) == 0
        assert process.stdout is not None
        assert process.stdout.read().count("lifespan over") == 2


def test_workers_of_what_cannot_be_started_again_are_refused(main: Path) -> None:
    text = APP.replace("port=0", "port=0, workers=2")
    done = subprocess.run([sys.executable], input=text, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "a program from standard input cannot be; put it into a file" in done.stderr


def test_the_command_describes_an_app(main: Path) -> None:
    def said(verb: str) -> str:
        with started("-m", "spikard", verb, main) as process:
            output, errors = process.communicate(timeout=20)
            assert process.returncode == 0, errors
            return output

    assert re.search(r"GET\s+/hello/\{name\}", said("routes"))
    assert json.loads(said("openapi"))["info"]["title"] == "Served"
