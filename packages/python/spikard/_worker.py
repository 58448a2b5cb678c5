"""One worker: finds the app, opens or inherits a socket, serves until a signal. Supervises nothing; the CLI does.

python -m spikard._worker app.py | app.py:name | package.module | package.module:name
"""

from __future__ import annotations

import asyncio
import builtins
import importlib
import importlib.util
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any, TypeVar

from spikard import _bridge
from spikard.app import Spikard
from spikard.errors import DefinitionError

T = TypeVar("T")
NAMES = ("app", "application", "create_app")


class NoApp(Exception):
    """What was named holds no app; says what to write."""


def main(argv: list[str]) -> int:
    """Runs one app; the exit code."""
    if len(argv) != 1:
        print("usage: python -m spikard._worker APP    (app.py, app.py:name, package.module:name)", file=sys.stderr)
        return 2
    try:
        app = find(argv[0])
        run(app, None, None, None)
    except NoApp as error:
        print(f"spikard: {error}", file=sys.stderr)
        return 1
    except DefinitionError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def find(name: str) -> Spikard:
    """The app that a file or a module holds. Raises NoApp; a failing import exits with the user's own traceback."""
    place, _, attribute = name.partition(":")
    module = _load(place)
    found: Any = None
    for candidate in [attribute] if attribute else NAMES:
        found = getattr(module, candidate, None)
        if found is not None:
            break
    apps = {id(value): (name, value) for name, value in vars(module).items() if isinstance(value, Spikard)}
    if found is None and not attribute and len(apps) == 1:
        ((_, found),) = apps.values()
    if callable(found) and not isinstance(found, Spikard):
        found = _shown(found, place)
    if isinstance(found, Spikard):
        return found
    wanted = f"no app named {attribute!r}" if attribute else f"no {', '.join(NAMES)}"
    if apps:
        raise NoApp(f"{place} has {wanted}; name one: {', '.join(f'{place}:{name}' for name, _ in apps.values())}")
    raise NoApp(f"{place} has {wanted}; write `app = Spikard()` in it, or name the app: `{place}:name`")


def _load(place: str) -> ModuleType:
    path = Path(place)
    if path.suffix != ".py":
        sys.path.insert(0, os.getcwd())
        return _shown(lambda: importlib.import_module(place), place)
    if not path.is_file():
        raise NoApp(f"there is no file {place}")
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path, loader=_Source(path.stem, str(path)))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # so that annotations, pickles and dataclasses of the app find their module
    loader = spec.loader
    _shown(lambda: loader.exec_module(module), place)
    return module


class _Source(SourceFileLoader):
    """
    Compiles the app at every start, as Python does with a program. Compiled files are told by seconds and size, so
    after a quick save a reload would serve the old app.
    """

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _shown(run_user_code: Callable[[], T], place: str) -> T:
    """Runs the user's code; when it fails, shows their traceback without our frames and exits 1."""
    try:
        return run_user_code()
    except Exception as error:
        if (
            isinstance(error, ModuleNotFoundError)
            and error.name
            and (place == error.name or place.startswith(f"{error.name}."))
        ):
            raise NoApp(
                f"there is no module {place} on the path; start where it lies, or name the file: `path/to/app.py`"
            ) from None
        theirs = _theirs(error.__traceback__)
        # A file that cannot be compiled has run nothing; the error itself tells its place.
        if theirs is error.__traceback__ and isinstance(error, SyntaxError):
            theirs = None
        traceback.print_exception(error.with_traceback(theirs))
        sys.exit(1)


def _theirs(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is neither ours nor the import machinery's; all of it when none is."""
    ours = (__file__, importlib.__file__)
    first = trace
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file not in ours and not file.startswith("<frozen importlib"):
            return trace
        trace = trace.tb_next
    return first


def run(app: Spikard, host: str | None, port: int | None, workers: int | str | None) -> None:
    """Serves an app until it was drained, or prints its spec when SPIKARD_EMIT=spec asks for that."""
    if os.environ.get("SPIKARD_EMIT") == "spec":
        _emit(app)
        return
    own = [] if "SPIKARD_FD" in os.environ else _start(host, port, workers)
    try:
        frozen = app.freeze()
    except DefinitionError:
        _give_back(own)
        raise
    listener = int(os.environ.pop("SPIKARD_FD"))
    from spikard._loop import Loop

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(_serve(app, frozen, listener))


def _emit(app: Spikard) -> None:
    """Prints the spec; or the mistakes, which are the reader's to show, and exits with 1."""
    try:
        text = app.spec()
    except DefinitionError as error:
        print(json.dumps({"mistakes": error.mistakes}), flush=True)
        sys.exit(1)
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.flush()


def _start(host: str | None, port: int | None, workers: int | str | None) -> list[str]:
    """Makes this program the worker, by variables that it names; or leaves it to the supervisor, which repeats it."""
    if workers is not None and _unrepeatable():
        sys.exit(
            f"spikard: workers={workers!r} starts the program again for each worker, and {_unrepeatable()} cannot be; "
            "put it into a file and run `python file.py`"
        )
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)  # the core hears it itself
    again = [sys.executable, *sys.orig_argv[1:]]
    variables = _bridge.start(again, host, port, None if workers is None else str(workers))
    os.environ.update(variables)
    signal.signal(signal.SIGINT, before)
    return list(variables)


def _give_back(variables: list[str]) -> None:
    """Undoes `_start`: what this program starts later is no worker, and the port is free."""
    values = {name: os.environ.pop(name) for name in variables}
    for name in ("SPIKARD_FD", "SPIKARD_READY_FD"):
        if name in values:
            os.close(int(values[name]))


def _unrepeatable() -> str:
    """What runs here, when its command line does not start it again."""
    if hasattr(sys, "ps1") or hasattr(builtins, "__IPYTHON__"):
        return "an interactive session"
    return "a program from standard input" if sys.argv[0] in ("", "-") else ""


async def _serve(app: Spikard, frozen: _bridge.App, fd: int) -> None:
    _heed_signals(asyncio.get_running_loop(), frozen.drain)

    def ready() -> None:
        told = os.environ.pop("SPIKARD_READY_FD", None)
        line = os.environ.pop("SPIKARD_READY_LINE", "ready")
        if told is not None:
            os.write(int(told), f"{line}\n".encode())
            os.close(int(told))

    async with app.lifespan():
        await _bridge.serve(frozen, fd, ready)


def _heed_signals(loop: asyncio.AbstractEventLoop, drain: Callable[[], None]) -> None:
    """SIGINT and SIGTERM drain; asked again, the worker ends at once, even where a handler never returns."""
    unheard = 0

    def hear() -> None:
        nonlocal unheard
        unheard = 0
        drain()

    def arrive(number: int, _: object) -> None:
        nonlocal unheard
        unheard += 1
        if unheard > 1:  # the loop does not turn, so nobody will hear
            os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, hear)
        signal.signal(number, arrive)  # beside asyncio's wake-up descriptor, which tells the loop


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
