"""The door to the core: the only file besides `_loop.py` that imports the extension module. Decides nothing."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spikard import _native
from spikard.errors import DefinitionError
from spikard.route import Argument, Call

App = _native.App

# The `spikard` command without an interpreter; scripts/build puts it into wheels.
PROGRAM = Path(__file__).parent / "bin" / "spikard"


def command(argv: Sequence[str], serve: Callable[[str, dict[str, str]], int]) -> int:
    """The `spikard` command; its exit code. `dev` and supervisors leave Python for PROGRAM, where it is there."""
    return _native.command(argv, sys.executable, str(PROGRAM), serve)


def start(again: Sequence[str], host: str | None, port: int | None, workers: str | None) -> dict[str, str]:
    """The environment of the worker that this program becomes. Does not return where workers are supervised."""
    code, environment = _native.start(again, host, port, workers, sys.executable, str(PROGRAM))
    if not environment:
        sys.exit(code)
    return environment


def freeze(
    spec: bytes,
    calls: Sequence[Call],
    response: type,
    problem: type,
    problem_of: Callable[[str, int, str, str, list[tuple[str, str]], bytes], object],
    stream: type,
    encode_into: Callable[[Any, bytearray], None],
) -> App:
    """Hands the app over, once. Raises DefinitionError with everything that the core finds wrong."""
    handlers = [
        _native.Handler(
            call.function,
            kind=call.kind,
            arguments=[_argument(argument) for argument in call.arguments],
            keywords=call.keywords,
            hard_cancel=call.hard_cancel,
        )
        for call in calls
    ]
    try:
        return _native.App(
            spec.decode(),
            handlers,
            response=response,
            problem=problem,
            problem_of=problem_of,
            stream=stream,
            encode_into=encode_into,
        )
    except _native.DefinitionError as error:
        raise DefinitionError(str(error.args[0]).splitlines()) from None


def _argument(argument: Argument) -> _native.Argument:
    return _native.Argument(argument.source, argument.index, argument.convert, argument.default, argument.shape)


async def exchange(app: App, message: bytes) -> bytes:
    """One in-process connection, on the running loop."""
    return await app.exchange(message)


async def serve(app: App, fd: int, ready: Callable[[], None]) -> None:
    """Serves an open listening socket until the app was drained; the loop is one of `spikard._loop`."""
    try:
        await app.serve(asyncio.get_running_loop(), fd, ready)
    except _native.DefinitionError as error:
        raise DefinitionError(str(error.args[0]).splitlines()) from None


def tables() -> dict[str, Any]:
    """The error table and the schema of the options."""
    found: dict[str, Any] = json.loads(_native.tables())
    return found
