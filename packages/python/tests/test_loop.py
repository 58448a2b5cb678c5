"""The worker's event loop: everything asyncio promises a handler, with real asyncio libraries, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from spikard import Request, Spikard
from spikard._loop import Loop

EAGER = sys.version_info >= (3, 12)
variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)


class Server:
    """An app served by the loop under test, and a client that is nothing but a socket."""

    def __init__(self, app: Spikard) -> None:
        self.frozen = app.freeze()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            fd = listener.detach()
        self.done = self.frozen.serve(asyncio.get_running_loop(), fd)
        self.url = f"http://127.0.0.1:{self.port}"

    async def get(self, path: str) -> Any:
        """The JSON of an answer with status 200."""
        status, body = await self.fetch(path)
        assert status == 200, body
        return msgspec.json.decode(body)

    async def fetch(self, path: str) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    async def end(self) -> None:
        self.frozen.drain()
        await self.done


def serve(app: Spikard, scenario: Callable[[Server], Awaitable[None]]) -> None:
    """Runs a scenario against an app, both on one loop of ours."""

    async def main() -> None:
        server = Server(app)
        async with asyncio.timeout(20):
            await scenario(server)
            await server.end()

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())


def call(handler: Callable[..., Any], *, times: int = 1, **options: Any) -> list[Any]:
    """What a handler answers, asked several times."""
    app = Spikard()
    app.get("/", **options)(handler)
    answers: list[Any] = []

    async def scenario(server: Server) -> None:
        for _ in range(times):
            answers.append(await server.get("/"))

    serve(app, scenario)
    return answers


def test_timeout_ends_a_wait_at_the_first_instruction() -> None:
    async def handler() -> Any:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            return "timeout"

    assert [answer["got"] for answer in call(wrapped(handler), times=2)] == ["timeout", "timeout"]


def wrapped(handler: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[dict[str, Any]]]:
    """The same handler, whose result is a JSON object."""

    async def wrapper() -> dict[str, Any]:
        return {"got": await handler()}

    return wrapper


def got(handler: Callable[[], Awaitable[Any]], times: int = 1) -> Any:
    answers = [answer["got"] for answer in call(wrapped(handler), times=times)]
    return answers if times > 1 else answers[0]


def test_wait_for_ends_a_wait() -> None:
    async def handler() -> str:
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0.01)
        except TimeoutError:
            return "timeout"
        return "no timeout"

    assert got(handler, times=2) == ["timeout", "timeout"]


def test_task_group_runs_children() -> None:
    async def child(number: int) -> int:
        await asyncio.sleep(0.001)
        return number

    async def handler() -> list[int]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(child(number)) for number in range(3)]
        return [task.result() for task in tasks]

    assert got(handler) == [0, 1, 2]


def test_task_group_cancels_siblings() -> None:
    async def failing() -> None:
        raise ValueError("child")

    async def handler() -> str:
        ended = "not failed"
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(failing())
                group.create_task(asyncio.sleep(60))
        except* ValueError:
            ended = "failed"
        return ended

    assert got(handler) == "failed"


def test_a_handler_runs_in_a_task_before_and_after_it_suspends() -> None:
    async def handler() -> list[bool]:
        before = asyncio.current_task()
        await asyncio.sleep(0)
        after = asyncio.current_task()
        return [before is not None, before is after, after in asyncio.all_tasks()]

    assert got(handler, times=2) == [[True, True, True]] * 2


def test_a_task_that_a_handler_kept_is_finished_afterwards() -> None:
    kept: list[asyncio.Task[Any] | None] = []

    async def handler() -> int:
        kept.append(asyncio.current_task())
        return len(kept)

    assert got(handler, times=2) == [1, 2]
    assert kept[0] is not kept[1]
    assert all(task is not None and task.done() and not task.cancelled() for task in kept)


@pytest.mark.parametrize("suspends", [False, True])
def test_context_variables_do_not_leak(suspends: bool) -> None:
    async def handler() -> int:
        seen = variable.get()
        variable.set(seen + 1)
        if suspends:
            await asyncio.sleep(0)
        return seen + 10 * (variable.get() - 1)

    assert got(handler, times=3) == [0, 0, 0]


def test_context_variables_of_sync_handlers_do_not_leak() -> None:
    def handler() -> dict[str, int]:
        seen = variable.get()
        variable.set(seen + 1)
        return {"seen": seen}

    assert call(handler, times=3) == [{"seen": 0}] * 3
    assert call(handler, times=3, blocking=True) == [{"seen": 0}] * 3


def test_to_thread_runs_elsewhere_with_the_context() -> None:
    async def handler() -> list[bool]:
        variable.set(7)
        here = threading.get_ident()
        return [await asyncio.to_thread(lambda: threading.get_ident() != here and variable.get() == 7)]

    assert got(handler) == [True]


def test_open_connection_reaches_a_server_of_the_same_loop() -> None:
    async def handler() -> int:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.read(100))
            writer.close()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x" * 70)
            writer.write_eof()
            read = await reader.read()
            writer.close()
            return len(read)

    assert got(handler, times=2) == [70, 70]


def test_subprocess() -> None:
    async def handler() -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "print('from below')", stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        return f"{process.returncode} {out.decode().strip()}"

    assert got(handler) == "0 from below"


def test_a_name_set_on_the_task_does_not_reach_the_next_request() -> None:
    async def handler() -> str:
        task = asyncio.current_task()
        assert task is not None
        before = task.get_name()
        task.set_name("mine")
        return before

    assert "mine" not in got(handler, times=3)


def test_a_done_callback_runs_when_the_request_ends() -> None:
    called: list[str] = []

    async def handler() -> int:
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda task: called.append(task.get_name()))
        return len(called)

    assert got(handler, times=3) == [0, 1, 2]


@pytest.mark.parametrize("suspends", [False, True])
def test_cancel_and_uncancel_end_with_their_request(suspends: bool) -> None:
    async def handler() -> list[bool]:
        task = asyncio.current_task()
        assert task is not None
        cancelling = task.cancelling()
        if len(requests) % 2 == 0:
            task.cancel()
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                task.uncancel()
        requests.append(1)
        if suspends:
            await asyncio.sleep(0)
        return [cancelling == 0]

    requests: list[int] = []
    assert got(handler, times=4) == [[True]] * 4


def test_cancel_and_uncancel_without_suspension() -> None:
    """Before 3.13 the pending cancellation outlives `uncancel`: then the handler ends as cancelled, and only it."""
    app = Spikard()

    @app.get("/cancel")
    async def cancel() -> dict[str, int]:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        task.uncancel()
        return {}

    @app.get("/sleep")
    async def sleep() -> dict[str, int]:
        await asyncio.sleep(0.001)
        return {}

    async def scenario(server: Server) -> None:
        for _ in range(3):
            status, _ = await server.fetch("/cancel")
            assert status == (200 if sys.version_info >= (3, 13) else 500)
            assert await server.get("/sleep") == {}

    serve(app, scenario)


def test_a_handler_that_cancels_itself_fails_alone() -> None:
    app = Spikard()

    @app.get("/cancel")
    async def cancel() -> dict[str, int]:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return {}

    @app.get("/other")
    async def other() -> dict[str, int]:
        return {}

    async def scenario(server: Server) -> None:
        assert (await server.fetch("/cancel"))[0] == 500
        assert await server.get("/other") == {}

    serve(app, scenario)


@pytest.mark.skipif(not EAGER, reason="eager Tasks came with 3.12")
def test_eager_tasks_inside_a_handler() -> None:
    async def child() -> bool:
        return asyncio.current_task() is not None

    async def handler() -> list[bool]:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]
        task = asyncio.create_task(child())
        done = task.done()
        await asyncio.sleep(0)
        return [done, await task]

    assert got(handler, times=2) == [[True, True]] * 2


def test_aiohttp_client() -> None:
    aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")
    app = Spikard()

    @app.get("/inner")
    def inner() -> dict[str, str]:
        return {"from": "inner"}

    @app.get("/outer")
    async def outer(request: Request) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=5)
        url = f"http://{request.headers['x-at']}/inner"
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            return {"status": response.status, "json": await response.json()}

    async def scenario(server: Server) -> None:
        async with aiohttp.ClientSession(headers={"x-at": f"127.0.0.1:{server.port}"}) as session:
            for _ in range(3):
                async with session.get(f"{server.url}/outer") as response:
                    assert await response.json() == {"status": 200, "json": {"from": "inner"}}

    serve(app, scenario)


def test_httpx_client() -> None:
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")
    app = Spikard()

    @app.get("/inner")
    async def inner() -> dict[str, str]:
        await asyncio.sleep(0.001)
        return {"from": "inner"}

    @app.get("/outer")
    async def outer(request: Request) -> dict[str, Any]:
        async with httpx.AsyncClient() as client:
            response = await client.get(f"http://{request.headers['host']}/inner")
            return {"status": response.status_code, "json": response.json()}

    async def scenario(server: Server) -> None:
        async with httpx.AsyncClient() as client:
            for _ in range(3):
                response = await client.get(f"{server.url}/outer")
                assert response.json() == {"status": 200, "json": {"from": "inner"}}

    serve(app, scenario)


def test_database_driver() -> None:
    aiosqlite = pytest.importorskip("aiosqlite", reason="aiosqlite is not installed")

    async def handler() -> list[int]:
        async with aiosqlite.connect(":memory:") as database:
            await database.execute("create table numbers (n integer)")
            await database.executemany("insert into numbers values (?)", [(1,), (2,)])
            async with database.execute("select n from numbers order by n") as cursor:
                return [row[0] async for row in cursor]

    assert got(handler, times=2) == [[1, 2]] * 2


def test_requests_wait_beside_each_other() -> None:
    app = Spikard()
    gate = asyncio.Event()

    @app.get("/wait")
    async def wait() -> dict[str, bool]:
        await gate.wait()
        return {"waited": True}

    @app.get("/open")
    def open_() -> dict[str, bool]:
        gate.set()
        return {}

    async def scenario(server: Server) -> None:
        waiting = [asyncio.ensure_future(server.get("/wait")) for _ in range(20)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in waiting)
        await server.get("/open")
        assert await asyncio.gather(*waiting) == [{"waited": True}] * 20

    serve(app, scenario)


def test_blocking_handlers_run_beside_each_other_in_threads() -> None:
    app = Spikard()
    together = threading.Barrier(4, timeout=10)

    @app.get("/", blocking=True)
    def handler() -> dict[str, bool]:
        together.wait()
        return {"main": threading.current_thread() is threading.main_thread()}

    async def scenario(server: Server) -> None:
        assert await asyncio.gather(*(server.get("/") for _ in range(4))) == [{"main": False}] * 4

    serve(app, scenario)


@pytest.mark.parametrize("hard", [False, True])
def test_a_handler_hears_that_its_client_left(hard: bool) -> None:
    app = Spikard()
    started, ended = asyncio.Event(), asyncio.Event()
    heard: list[str] = []

    @app.get("/", hard_cancel=hard)
    async def handler(request: Request) -> None:
        started.set()
        try:
            await request.wait_disconnected()
            heard.append(f"told {request.disconnected}")
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise
        finally:
            ended.set()

    async def scenario(server: Server) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        await started.wait()
        writer.close()
        await ended.wait()
        assert heard == ["cancelled" if hard else "told True"]

    serve(app, scenario)


def test_a_deadline_cancels_the_handler() -> None:
    app = Spikard()
    ended: list[str] = []

    @app.get("/", timeout_ms=50)
    async def handler() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def scenario(server: Server) -> None:
        status, body = await server.fetch("/")
        assert (status, msgspec.json.decode(body)["code"]) == (504, "handler-timeout")
        assert ended == ["cancelled"]

    serve(app, scenario)


def test_drain_lets_an_open_request_finish() -> None:
    app = Spikard()
    started, gate = asyncio.Event(), asyncio.Event()

    @app.get("/")
    async def handler() -> dict[str, bool]:
        started.set()
        await gate.wait()
        return {"finished": True}

    async def scenario(server: Server) -> None:
        answer = asyncio.ensure_future(server.get("/"))
        await started.wait()
        server.frozen.drain()
        await asyncio.sleep(0.01)
        assert not server.done.done()
        gate.set()
        assert await answer == {"finished": True}
        await server.done

    serve(app, scenario)


def test_a_handler_that_holds_the_loop_is_named(caplog: pytest.LogCaptureFixture) -> None:
    def handler() -> dict[str, int]:
        until = time.monotonic() + 0.08
        while time.monotonic() < until:
            pass
        return {}

    with caplog.at_level(logging.WARNING, logger="spikard"):
        call(handler)
    assert [record for record in caplog.messages if record.startswith("GET / held the event loop for ")]


def test_a_thread_that_computes_does_not_stop_the_server() -> None:
    stop = threading.Event()
    turns = [0]

    def spin() -> None:
        while not stop.is_set():
            turns[0] += 1

    def handler() -> dict[str, int]:
        return {}

    spinner = threading.Thread(target=spin)
    spinner.start()
    try:
        assert call(handler, times=20) == [{}] * 20
    finally:
        stop.set()
        spinner.join()
    assert turns[0] > 1000


def test_timers_keep_their_order_and_cancelled_ones_do_not_pile_up() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        order: list[int] = []
        for number in (3, 1, 2):
            loop.call_later(number / 1000, order.append, number)
        loop.call_later(0.001, order.append, 11)
        for _ in range(10_000):
            loop.call_later(3600, print).cancel()
        await asyncio.sleep(0.01)
        assert order == [1, 11, 2, 3]

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())


def test_a_callback_that_fails_is_reported_and_the_loop_goes_on() -> None:
    reports: list[dict[str, Any]] = []

    async def main() -> str:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: reports.append(context))
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0.001)
        return "on"

    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(main()) == "on"
    assert [type(report["exception"]) for report in reports] == [ZeroDivisionError]


MESSAGE = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"


def nothing() -> None:
    """A handler without an answer."""


async def exchanged(app: Spikard) -> bytes:
    return await app.freeze().exchange(MESSAGE)


@pytest.mark.parametrize("loop", [Loop, asyncio.SelectorEventLoop])
def test_an_exchange_in_process_runs_on_any_loop(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    app = Spikard()

    @app.get("/")
    async def handler() -> dict[str, list[bool]]:
        first = asyncio.current_task()
        await asyncio.sleep(0.001)
        thread = await asyncio.to_thread(threading.get_ident)
        return {"got": [first is asyncio.current_task(), first is not caller[0], thread != threading.get_ident()]}

    caller: list[asyncio.Task[Any] | None] = []

    async def main() -> bytes:
        caller.append(asyncio.current_task())
        answers = await asyncio.gather(*(app.freeze().exchange(MESSAGE) for _ in range(3)))
        assert len({answer.partition(b"\r\n\r\n")[2] for answer in answers}) == 1
        return answers[0]

    with asyncio.Runner(loop_factory=loop) as runner:
        answer = runner.run(main())
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b'{"got":[true,true,true]}')


@pytest.mark.parametrize("loop", [Loop, asyncio.SelectorEventLoop])
def test_to_cancel_an_exchange_is_to_leave_as_a_client(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    app = Spikard()
    started, ended = asyncio.Event(), asyncio.Event()

    @app.get("/", hard_cancel=True)
    async def handler() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def main() -> None:
        exchange = app.freeze().exchange(MESSAGE)
        await started.wait()
        exchange.cancel()
        await ended.wait()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asyncio.wait_for(main(), 10))


@pytest.mark.parametrize("loop", [Loop, asyncio.SelectorEventLoop])
@pytest.mark.parametrize("suspends", [False, True])
def test_system_exit_of_a_handler_leaves_the_loop(
    loop: Callable[[], asyncio.AbstractEventLoop], suspends: bool
) -> None:
    app = Spikard()

    @app.get("/")
    async def handler() -> None:
        if suspends:
            await asyncio.sleep(0)
        raise SystemExit(3)

    with asyncio.Runner(loop_factory=loop) as runner, pytest.raises(SystemExit) as raised:
        runner.run(exchanged(app))
    assert raised.value.code == 3
    # It left one loop, once: the next one does not hear of it.
    app = Spikard()
    app.get("/")(nothing)
    with asyncio.Runner() as runner:
        assert runner.run(exchanged(app)).startswith(b"HTTP/1.1 204 ")


def test_the_loop_closes_clean_and_refuses_work_afterwards() -> None:
    program = """
        import asyncio
        from spikard import Spikard
        from spikard._loop import Loop
        from test_loop import Server

        app = Spikard()

        @app.get("/")
        async def handler():
            return {}

        async def main():
            server = Server(app)
            await server.get("/")
            await server.get("/")

        loop = Loop()
        loop.run_until_complete(main())
        loop.close()
        loop.close()
        try:
            loop.call_soon(print)
        except RuntimeError as error:
            print(error)
    """
    assert python(program) == (0, "Event loop is closed\n", "")


def python(program: str, *, dev: bool = True) -> tuple[int, str, str]:
    """Runs a program; its exit code, output and errors."""
    options = ["-X", "dev"] if dev else []
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=os.path.dirname(__file__),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    return done.returncode, done.stdout, done.stderr


SERVED = """
    import asyncio, sys, time
    from spikard import Spikard

    app = Spikard()

    @app.get("/")
    async def handler():
        return {}

    @app.get("/interrupt")
    def interrupt():
        raise KeyboardInterrupt

    @app.get("/interrupt-later")
    async def interrupt_later():
        await asyncio.sleep(0.001)
        raise KeyboardInterrupt

    @app.get("/never")
    def never():
        print("begun", file=sys.stderr, flush=True)
        while True:
            pass

    app.run(port=0)
"""


class Worker:
    """A worker process, stopped by its pid at the latest when the block ends."""

    def __enter__(self) -> Worker:
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SERVED)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert "http://127.0.0.1:" in line, line + self.process.stderr.read()
        self.port = int(line.split("http://127.0.0.1:")[1].split()[0])
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, path: str = "/") -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".encode())
            answer = b""
            while chunk := client.recv(65536):
                answer += chunk
            return answer

    def ends(self) -> tuple[int, float]:
        """Exit code, and seconds until it was there."""
        before = time.monotonic()
        return self.process.wait(10), time.monotonic() - before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("busy", [False, True])
def test_a_signal_ends_the_worker_promptly(number: signal.Signals, busy: bool) -> None:
    with Worker() as worker:
        assert worker.ask().startswith(b"HTTP/1.1 200")
        stop = threading.Event()

        def load() -> None:
            while not stop.is_set():
                try:
                    worker.ask()
                except OSError:
                    return

        clients = [threading.Thread(target=load) for _ in range(4 if busy else 0)]
        for client in clients:
            client.start()
        worker.process.send_signal(number)
        code, seconds = worker.ends()
        stop.set()
        for client in clients:
            client.join()
    assert (code, seconds < 2) == (0, True)


def test_a_second_signal_ends_a_worker_whose_handler_never_returns() -> None:
    with Worker() as worker, socket.create_connection(("127.0.0.1", worker.port)) as client:
        client.sendall(b"GET /never HTTP/1.1\r\nhost: test\r\n\r\n")
        assert worker.process.stderr is not None
        assert worker.process.stderr.readline() == "begun\n"
        worker.process.send_signal(signal.SIGTERM)
        worker.process.send_signal(signal.SIGINT)
        code, seconds = worker.ends()
    assert (code in (128 + signal.SIGINT, 128 + signal.SIGTERM), seconds < 2) == (True, True)


@pytest.mark.parametrize("path", ["/interrupt", "/interrupt-later"])
def test_keyboard_interrupt_in_a_handler_ends_the_worker(path: str) -> None:
    with Worker() as worker:
        with contextlib.suppress(OSError):
            worker.ask(path)
        code, _ = worker.ends()
        assert worker.process.stderr is not None
        errors = worker.process.stderr.read()
    assert code in (1, 130, -signal.SIGINT), errors
    assert "KeyboardInterrupt" in errors
