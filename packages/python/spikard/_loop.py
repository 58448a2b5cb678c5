"""The event loop of a worker: asyncio's own, whose queue, timers and turn are native. Serves nothing by itself."""

from __future__ import annotations

import asyncio
import selectors
import signal
import socket
import threading

from spikard._native import Reactor


class Loop(asyncio.SelectorEventLoop):
    """`asyncio.SelectorEventLoop` with Tokio underneath; what it does for its users does not change.

    The instance attributes take the place of methods: asyncio's C code and its transports find them first.
    """

    _csock: socket.socket  # asyncio's: what it writes to wake its selector

    def __init__(self) -> None:
        selector = selectors.DefaultSelector()
        super().__init__(selector)
        self._reactor = reactor = Reactor(self, selector)
        for name in ("call_soon", "call_soon_threadsafe", "call_at", "call_later", "time", "is_running"):
            setattr(self, name, getattr(reactor, name))
        self._run_once = reactor.run_once

    def run_forever(self) -> None:
        """Runs until `stop`. A signal wakes the loop even where Python's handler is not asyncio's."""
        previous = self._wake_on_signals()
        try:
            super().run_forever()
        finally:
            if previous is not None:
                signal.set_wakeup_fd(previous)

    def _wake_on_signals(self) -> int | None:
        """Lets signals write to the loop's own socket pair; what was there before, None when nothing was changed."""
        if threading.current_thread() is not threading.main_thread():
            return None
        previous = signal.set_wakeup_fd(self._csock.fileno())
        if previous not in (-1, self._csock.fileno()):
            signal.set_wakeup_fd(previous)
            return None
        return previous

    def stop(self) -> None:
        """Ends `run_forever` after this turn."""
        super().stop()
        self._reactor.wake()

    def close(self) -> None:
        """Ends every connection, then what asyncio holds."""
        super().close()
        self._reactor.close()
