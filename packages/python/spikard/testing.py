"""Test clients: requests through the real core without a socket, an HTTP library or a thread. Judges nothing."""

from __future__ import annotations

import asyncio
import base64
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from spikard import _bridge
from spikard.app import Spikard
from spikard.errors import SpikardError
from spikard.request import Headers
from spikard.schema import encode_hook

Pairs = Mapping[str, Any] | Iterable[tuple[str, Any]]


class UnexpectedStatus(SpikardError, AssertionError):
    """`raise_for_status` met a 4xx or 5xx."""


@dataclass(frozen=True)
class TestResponse:
    """An answer as the client got it."""

    __test__ = False

    status_code: int
    headers: Headers
    content: bytes
    request: str = field(repr=False)
    """Method and target that it answers."""

    @property
    def status(self) -> int:
        """`status_code` by its other name."""
        return self.status_code

    @property
    def text(self) -> str:
        """The content as UTF-8."""
        return self.content.decode()

    @property
    def ok(self) -> bool:
        """The status is below 400."""
        return self.status_code < 400

    @property
    def cookies(self) -> dict[str, str]:
        """Cookies that this answer sets."""
        return {name: value for name, value, _ in map(_set_cookie, self.headers.get_all("set-cookie"))}

    def json(self) -> Any:
        """The content as plain values. Raises msgspec.DecodeError when it is not JSON."""
        return msgspec.json.decode(self.content)

    def raise_for_status(self) -> Self:
        """Itself; raises UnexpectedStatus with the problem's text when the status is 400 or more."""
        if not self.ok:
            raise UnexpectedStatus(f"{self.request} answered {self.status_code}: {self.text[:2000]}")
        return self


class RequestOptions(TypedDict, total=False):
    """Keywords of every request; of `json`, `data` and `content` at most one."""

    params: Pairs
    """Added to the query; a list gives a repeated name."""
    headers: Mapping[str, str] | Iterable[tuple[str, str]]
    """Added to the client's own; pairs may repeat a name."""
    cookies: Mapping[str, str]
    """Sent with this request beside the client's own."""
    json: Any
    """Body as JSON: any value that a handler may return."""
    data: Pairs
    """Body as `application/x-www-form-urlencoded`."""
    content: bytes | str
    """Body as it is; give `content-type` by `headers`."""


class _Client:
    """What both clients share: building requests, reading answers, keeping cookies. Does not run anything."""

    __test__ = False

    def __init__(
        self, app: Spikard, *, headers: Mapping[str, str] | None = None, cookies: Mapping[str, str] | None = None
    ) -> None:
        if not isinstance(app, Spikard):
            raise TypeError(f"a test client takes the app, not {type(app).__name__}: TestClient(app)")
        self.app = app
        self.headers = dict(headers or {})
        self.cookies = dict(cookies or {})
        self._frozen = app.freeze()

    def _message(self, method: str, target: str, options: RequestOptions) -> bytes:
        unknown = options.keys() - RequestOptions.__annotations__.keys()
        if unknown:
            raise TypeError(
                f"a request has no option {min(unknown)!r}; use one of {', '.join(RequestOptions.__annotations__)}"
            )
        fields = [*self.headers.items(), *_pairs(options.get("headers", ()))]
        given = {name.lower() for name, _ in fields}
        content_type, body = _body(options)
        cookies = self.cookies | dict(options.get("cookies", {}))
        automatic = {
            "host": "testserver",
            "cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "content-type": content_type,
            "content-length": "" if body is None or "transfer-encoding" in given else str(len(body)),
        }
        fields += [(name, value) for name, value in automatic.items() if value and name not in given]
        for name, value in fields:
            if any(mark in f"{name}{value}" for mark in "\r\n\0"):
                raise ValueError(
                    f"header {name!r} holds a line break or NUL; use `exchange` to send what no client would"
                )
        head = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return f"{method} {_target(target, options)} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b"")

    def _read(self, method: str, target: str, answer: bytes) -> TestResponse:
        response = parse(method, target, answer)
        for field_ in response.headers.get_all("set-cookie"):
            name, value, dropped = _set_cookie(field_)
            if dropped:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return response


class TestClient(_Client):
    """Calls an app: `TestClient(app).get("/items/1").json()`.

    `with TestClient(app) as client:` enters the app's lifespan. Cookies that the app sets are kept and sent.
    Runs its own event loop; inside `async def` tests use AsyncTestClient.
    """

    def __init__(
        self, app: Spikard, *, headers: Mapping[str, str] | None = None, cookies: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(app, headers=headers, cookies=cookies)
        self._runner: asyncio.Runner | None = None
        self._entered: AbstractAsyncContextManager[Any] | None = None

    def request(self, method: str, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends a request with any method."""
        return self._read(method, target, self.exchange(self._message(method, target, options)))

    def get(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends GET."""
        return self.request("GET", target, **options)

    def head(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends HEAD."""
        return self.request("HEAD", target, **options)

    def post(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends POST."""
        return self.request("POST", target, **options)

    def put(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends PUT."""
        return self.request("PUT", target, **options)

    def patch(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends PATCH."""
        return self.request("PATCH", target, **options)

    def delete(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends DELETE."""
        return self.request("DELETE", target, **options)

    def options(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends OPTIONS."""
        return self.request("OPTIONS", target, **options)

    def exchange(self, message: bytes) -> bytes:
        """Sends bytes as they are on a connection of their own, and gives everything that came back."""
        _no_loop()
        return self._started().run(_bridge.exchange(self._frozen, message))

    def close(self) -> None:
        """Ends the client's event loop."""
        if self._runner is not None:
            self._finish()
            self._runner = None

    def _started(self) -> asyncio.Runner:
        if self._runner is None:
            self._runner = asyncio.Runner()
            # A client without `with` closes its loop when it is collected, before the loop's own finalizer complains.
            self._finish = weakref.finalize(self, self._runner.close)
        return self._runner

    def __enter__(self) -> Self:
        _no_loop()
        entered = self.app.lifespan()
        self._started().run(_enter(entered))
        self._entered = entered
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        entered, self._entered = self._entered, None
        try:
            if entered is not None and self._runner is not None:
                self._runner.run(_exit(entered, kind, error, trace))
        finally:
            self.close()


class AsyncTestClient(_Client):
    """Calls an app from `async def` tests, on their own loop: `(await AsyncTestClient(app).get("/items/1")).json()`.

    `async with AsyncTestClient(app) as client:` enters the app's lifespan. Several requests may run at once.
    """

    async def request(self, method: str, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends a request with any method."""
        return self._read(method, target, await self.exchange(self._message(method, target, options)))

    async def get(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends GET."""
        return await self.request("GET", target, **options)

    async def head(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends HEAD."""
        return await self.request("HEAD", target, **options)

    async def post(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends POST."""
        return await self.request("POST", target, **options)

    async def put(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends PUT."""
        return await self.request("PUT", target, **options)

    async def patch(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends PATCH."""
        return await self.request("PATCH", target, **options)

    async def delete(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends DELETE."""
        return await self.request("DELETE", target, **options)

    async def options(self, target: str, **options: Unpack[RequestOptions]) -> TestResponse:
        """Sends OPTIONS."""
        return await self.request("OPTIONS", target, **options)

    async def exchange(self, message: bytes) -> bytes:
        """Sends bytes as they are on a connection of their own, and gives everything that came back."""
        return await _bridge.exchange(self._frozen, message)

    async def __aenter__(self) -> Self:
        self._entered = self.app.lifespan()
        await self._entered.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._entered.__aexit__(kind, error, trace)


def parse(method: str, target: str, answer: bytes) -> TestResponse:
    """The final response in what a connection sent (RFC 9112). Raises SpikardError when it is not whole."""
    while True:
        head, separator, rest = answer.partition(b"\r\n\r\n")
        if not separator:
            raise SpikardError(f"{method} {target}: the connection ended without an answer ({answer[:200]!r})")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ", 2)[1])
        if status >= 200:
            break
        answer = rest
    headers = Headers([(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)])
    if method == "HEAD" or status in (204, 304):
        content = b""
    elif headers.get("transfer-encoding", "").lower() == "chunked":
        content = _dechunked(rest)
    else:
        length = int(headers.get("content-length", len(rest)))
        if len(rest) < length:
            raise SpikardError(f"{method} {target}: the answer ends after {len(rest)} of {length} bytes")
        content = rest[:length]
    return TestResponse(status, headers, content, f"{method} {target}")


def _dechunked(rest: bytes) -> bytes:
    content = bytearray()
    while True:
        size, separator, rest = rest.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16) if separator else -1
        if length < 0 or len(rest) < length + 2:
            raise SpikardError("the chunked answer ends early")
        if length == 0:
            return bytes(content)
        content += rest[:length]
        rest = rest[length + 2 :]


def _body(options: RequestOptions) -> tuple[str, bytes | None]:
    given = [name for name in ("json", "data", "content") if name in options]
    if len(given) > 1:
        raise TypeError(f"a request has one body, not {' and '.join(given)}")
    if "json" in options:
        return "application/json", msgspec.json.encode(options["json"], enc_hook=encode_hook)
    if "data" in options:
        return "application/x-www-form-urlencoded", urlencode(_flat(options["data"])).encode()
    content = options.get("content")
    return "", content.encode() if isinstance(content, str) else content


def _target(target: str, options: RequestOptions) -> str:
    """The path with what a browser would escape escaped; `%XX` stays as it is."""
    parts = urlsplit(target)
    safe = "%/?:@!$&'()*+,;=~[]|-._"
    query = "&".join(filter(None, [quote(parts.query, safe=safe), urlencode(_flat(options.get("params", ())))]))
    path = target.partition("#")[0].partition("?")[0] if not parts.scheme else parts.path
    return (quote(path, safe=safe) or "/") + (f"?{query}" if query else "")


def _flat(pairs: Pairs) -> list[tuple[str, str]]:
    return [
        (name, _text(item))
        for name, value in _pairs(pairs)
        for item in (value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value])
        if item is not None
    ]


def _pairs(pairs: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return list(pairs.items()) if isinstance(pairs, Mapping) else list(pairs)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if isinstance(value, str) else str(msgspec.to_builtins(value, enc_hook=encode_hook))


def _set_cookie(text: str) -> tuple[str, str, bool]:
    pair, *attributes = text.split(";")
    name, _, value = pair.strip().partition("=")
    ages = [
        attribute.partition("=")[2].strip()
        for attribute in attributes
        if attribute.strip().lower().startswith("max-age=")
    ]
    return name, value, any(age.startswith(("0", "-")) for age in ages)


def _no_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        "TestClient waits, so it would block the running event loop; use AsyncTestClient in `async def` tests"
    )


async def _enter(manager: AbstractAsyncContextManager[Any]) -> None:
    await manager.__aenter__()


async def _exit(
    manager: AbstractAsyncContextManager[Any],
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
) -> None:
    await manager.__aexit__(kind, error, trace)
