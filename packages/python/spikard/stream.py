"""A streamed body: an iterator of chunks as the core pulls it, one at a time, and closes it when nobody wants more."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any, Literal


class Stream:
    """What the extension module pulls.

    `source`: an iterator or async iterator of `bytes` or `str` (sent as UTF-8). `blocking`: an iterator that waits, so
    that `pull` is called in a thread.
    `pull` gives the next chunk, or None at the end; with `kind` "async" it is a coroutine function.
    `close` runs what the iterator does at its end (`finally`), when it has not come to it: at once, or when the pull
    that is under way has ended.
    """

    def __init__(self, source: Any, blocking: bool) -> None:
        is_async = hasattr(source, "__anext__")
        self.kind: Literal["sync", "async", "blocking"] = "async" if is_async else "blocking" if blocking else "sync"
        self.pull = self._pull_async if is_async else self._pull
        self.close = self._close_async if is_async else self._close
        self._source = source
        # Of the handler: what a generator sets in it, it finds again after its `yield`.
        self._context = contextvars.copy_context()
        self._pulling = threading.Lock()
        self._closing = False

    def _pull(self) -> bytes | str | None:
        try:
            with self._pulling:
                return _chunk(self._context.run(next, self._source, None))
        finally:
            if self._closing:
                self._close()

    def _close(self) -> None:
        self._closing = True
        close = getattr(self._source, "close", None)
        if close is not None and self._pulling.acquire(blocking=False):
            try:
                self._context.run(close)
            finally:
                self._pulling.release()

    async def _pull_async(self) -> bytes | str | None:
        self._pulling.acquire()  # never waits: pulls do not overlap
        try:
            return _chunk(await anext(self._source, None))
        finally:
            self._pulling.release()
            if self._closing:
                await self._end()

    def _close_async(self) -> None:
        self._closing = True
        if not self._pulling.locked():
            task = asyncio.get_running_loop().create_task(self._end(), context=self._context)
            _closing.add(task)
            task.add_done_callback(_closing.discard)

    async def _end(self) -> None:
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


# The loop itself keeps no Task alive.
_closing: set[asyncio.Task[None]] = set()


def _chunk(value: Any) -> bytes | str | None:
    if value is None or isinstance(value, bytes | str):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    kind = type(value).__name__
    raise TypeError(
        f"a stream gives bytes or str, not {kind}: encode it, for example `msgspec.json.encode(item) + b'\\n'`"
    )
