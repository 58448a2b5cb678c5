"""The extension module: the core behind a thin door. Only `spikard._bridge` imports it."""

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from typing import Any, Literal, final

__all__ = [
    "App",
    "Argument",
    "DefinitionError",
    "Handler",
    "Reactor",
    "Request",
    "StreamedContent",
    "command",
    "start",
    "tables",
]

class DefinitionError(ValueError):
    """A wrong app definition. `args[0]` lists every mistake, one per line:
    `file:line: METHOD /path: what, and what to write`.
    """

@final
class Argument:
    """One argument of a handler's call.

    `source`: "parameter" (`index` into the route's parameters), "body" or "request"; for hooks "request", and
        "response" or "problem" at their moment.
    `convert`: called with the plain value (str, int, float, bool, list; for "body" the raw bytes) unless it is None;
    raising ValueError, TypeError or msgspec.ValidationError from a "body" converter means that it refused the body.
    `default`: used when the parameter was not sent (or the optional body was empty).
    `shape`: what a JSON body is built as while the core's schema checks it; `convert` reads bodies that hold something
        else. The route's spec then says `decoder_validates`.
        `(kind, nullable)` with kind "boolean", "integer", "number" or "text"; `("list", nullable, items)`;
        `("map", nullable, values)` for a dict; `("choice", nullable, {text or integer: value, ...})`;
        `("object", nullable, class, [(member, shape), ...], keywords)`: the class takes the members in this order, the
        last ones by the names in `keywords`.
    """
    def __new__(
        cls,
        source: Literal["parameter", "body", "request", "response", "problem"],
        index: int = 0,
        convert: Callable[[Any], Any] | None = None,
        default: Any = None,
        shape: tuple[Any, ...] | None = None,
    ) -> Argument: ...

@final
class Handler:
    """A callable and how to call it: positional `arguments` first, then one per name in `keywords`."""
    def __new__(
        cls,
        function: Callable[..., Any],
        *,
        kind: Literal["sync", "async", "blocking"],
        arguments: Sequence[Argument],
        keywords: Sequence[str] | None = None,
        hard_cancel: bool = False,
    ) -> Handler: ...

@final
class Request:
    """The request as it arrived, with typed parameters. Valid for as long as it is kept."""
    @property
    def method(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query_string(self) -> str: ...
    @property
    def request_id(self) -> str: ...
    @property
    def client(self) -> tuple[str, int] | None: ...
    @property
    def headers(self) -> list[tuple[str, str]]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def parameters(self) -> list[Any]: ...
    def state(self, make: Callable[[], object]) -> Any:
        """One for all that see this request; made when it is first asked for."""
    def edited(
        self,
        what: Literal["set_header", "add_header", "remove_header", "set_query", "set_body"],
        name: str,
        value: bytes,
    ) -> Request:
        """The request after an edit by a hook. Raises ValueError."""
    @property
    def principal(self) -> tuple[str, str | None, list[str], bytes] | None:
        """Scheme, subject, scopes, and the claims as JSON text."""
    @property
    def disconnected(self) -> bool: ...
    def wait_disconnected(self) -> Future[None]:
        """Done when the client leaves before it was answered."""

@final
class StreamedContent:
    """Stands for the content of a response that is a stream: it can be replaced, not read."""

@final
class App:
    """A frozen app. `spec` is the AppSpec as JSON text; handlers and hooks are referred to by index.

    `response` and `problem` are the classes whose instances are responses and raised problems: a response has
    `status: int`, `headers: list[tuple[str, str]]`, `content_type: str | None`, `content` (any value); a problem has
    `code`, `status`, `title`, `detail`, `headers`, `extensions`; `problem_of` makes one of the first five and the
    extensions as JSON. `stream` makes of an iterator and whether it blocks
    what is pulled: `kind`, `pull()`, `close()`. `encode_into` writes a value as JSON to a bytearray.
    Raises DefinitionError with all mistakes at once.
    """
    def __new__(
        cls,
        spec: str,
        handlers: Sequence[Handler],
        *,
        response: type,
        problem: type,
        problem_of: Callable[[str, int, str, str, list[tuple[str, str]], bytes], object],
        stream: type,
        encode_into: Callable[[Any, bytearray], None],
    ) -> App: ...
    def openapi(self) -> bytes: ...
    def routes(self) -> str: ...
    def serve(self, loop: AbstractEventLoop, fd: int, ready: Callable[[], None] | None = None) -> Future[None]:
        """Serves a listening socket (the descriptor becomes ours) on a loop of `spikard._loop`; done when drained."""
    def drain(self) -> None:
        """Readiness false, stop accepting, finish what is open, then `serve` is done. A second call ends at once."""
    def exchange(self, message: bytes) -> Future[bytes]:
        """One in-process connection: HTTP/1.1 bytes in, HTTP/1.1 bytes out; on whatever asyncio loop is running."""

@final
class Reactor:
    """The native half of the event loop: queue, timers, turn (see `spikard._loop`)."""
    def __new__(cls, loop: AbstractEventLoop, selector: Any) -> Reactor: ...
    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any: ...
    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any: ...
    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any: ...
    def time(self) -> float: ...
    def is_running(self) -> bool: ...
    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any: ...
    def run_once(self) -> None: ...
    def wake(self) -> None: ...
    def close(self) -> None: ...

def command(argv: Sequence[str], interpreter: str, program: str, serve: Callable[[str, dict[str, str]], int]) -> int:
    """The `spikard` command; returns its exit code, or the file `program` takes the place of this process."""

def start(
    again: Sequence[str], host: str | None, port: int | None, workers: str | None, interpreter: str, program: str
) -> tuple[int, dict[str, str]]:
    """`app.run()` outside a worker: the variables of the worker to become, or none and an exit code."""

def tables() -> str:
    """The error table and the config schema as JSON, from which `errors.py` and `config.py` are generated."""
