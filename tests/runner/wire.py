"""HTTP/1.1 responses as bytes on a connection (RFC 9112). A strict reader: what a client could misread is an error."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

# How much slower than usual a program may be: one whose collector never rests, or under valgrind.
PATIENCE = float(os.environ.get("RUNNER_PATIENCE", "1"))
TIME_LIMIT = 5.0 * PATIENCE
PROBE = b"GET /health/live HTTP/1.1\r\nhost: fixtures.test\r\n\r\n"
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t\x20-\x7e\x80-\xff]*")
FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")


class WireError(Exception):
    """What came is not a response that a client could read."""


@dataclass(frozen=True, slots=True)
class Response:
    """One final response and the interim ones before it."""

    status: int
    headers: list[tuple[str, str]]
    """Lower-case names, in order."""
    body: bytes
    interim: list[int] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """Every value of a field, in order."""
        return [value for key, value in self.headers if key == name]

    @property
    def closes(self) -> bool:
        """The server says that it will close."""
        return any(part.strip().lower() == "close" for value in self.all("connection") for part in value.split(","))


class Reader:
    """Reads responses from whatever `receive` gives; an empty piece is the end."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._buffer = bytearray()

    def response(self, method: str) -> Response | None:
        """The next final response to `method`; None when the connection ends before one starts."""
        interim: list[int] = []
        while True:
            head = self.head()
            if head is None:
                if interim:
                    raise WireError("the connection ended after an interim response")
                return None
            status, headers = head
            if status >= 200:
                return self._finish(method, status, headers, interim)
            interim.append(status)

    def head(self) -> tuple[int, list[tuple[str, str]]] | None:
        """The next status line and fields; None at the end."""
        raw = self._until(b"\r\n\r\n")
        if raw is None:
            return None
        first, *lines = raw.split(b"\r\n")
        status = STATUS_LINE.fullmatch(first)
        if status is None:
            raise WireError(f"not a status line: {first[:80]!r}")
        headers = []
        for line in lines:
            match = FIELD.fullmatch(line)
            if match is None:
                raise WireError(f"not a header field: {line[:80]!r}")
            headers.append((match[1].decode().lower(), match[2].decode("latin-1")))
        return int(status[1]), headers

    def end(self) -> bytes:
        """Everything up to the end of the connection."""
        while piece := self._receive():
            self._buffer += piece
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _finish(self, method: str, status: int, headers: list[tuple[str, str]], interim: list[int]) -> Response:
        lengths = [value for name, value in headers if name == "content-length"]
        chunked = [value for name, value in headers if name == "transfer-encoding"]
        if len(lengths) + len(chunked) > 1:
            raise WireError(f"the body's length is said {len(lengths) + len(chunked)} times")
        if lengths and not re.fullmatch("[0-9]+", lengths[0]):
            raise WireError(f"content-length is {lengths[0]!r}")
        if status == 204 and (lengths or chunked):
            raise WireError("a 204 has no content-length and no transfer-encoding (RFC 9110 section 8.6)")
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif chunked:
            body = self._chunks()
        elif lengths:
            body = self._exactly(int(lengths[0]))
        else:
            body = self.end()
        return Response(status, headers, body, interim)

    def _chunks(self) -> bytes:
        content = bytearray()
        while True:
            line = self._until(b"\r\n") or b""
            if not re.fullmatch(rb"[0-9A-Fa-f]+(;.*)?", line):
                raise WireError(f"not a chunk size: {line[:40]!r}")
            size = int(line.partition(b";")[0], 16)
            content += self._exactly(size)
            if self._exactly(2) != b"\r\n":
                raise WireError("a chunk does not end with CRLF")
            if size == 0:
                return bytes(content)

    def _until(self, mark: bytes) -> bytes | None:
        while (at := self._buffer.find(mark)) < 0:
            piece = self._receive()
            if not piece:
                if self._buffer:
                    raise WireError(f"the connection ended inside a response: {bytes(self._buffer[:80])!r}")
                return None
            self._buffer += piece
        found = bytes(self._buffer[:at])
        del self._buffer[: at + len(mark)]
        return found

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            piece = self._receive()
            if not piece:
                raise WireError(f"the connection ended after {len(self._buffer)} of {count} bytes of the body")
            self._buffer += piece
        found = bytes(self._buffer[:count])
        del self._buffer[:count]
        return found


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one connection brought."""

    responses: list[Response]
    closed: bool
    """The server closed the connection after the last response."""


def over_socket(
    port: int,
    sends: list[bytes],
    methods: list[str],
    split: int = 0,
    before_last_byte: Callable[[], None] | None = None,
    half_close: bool = False,
) -> Exchange:
    """Writes `sends` on a new connection and reads one response per method, then sees whether the connection still
    works: a next request must be answered, so stray bytes after a response are found.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=TIME_LIMIT) as peer:
        reader = Reader(lambda: _receive(peer))
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        size = split or len(sends[0])
        last = len(sends[0]) - (before_last_byte is not None)
        for at in range(0, last, size or 1):
            _send(peer, sends[0][at : min(at + size, last)])
        if before_last_byte is not None:
            before_last_byte()
            _send(peer, sends[0][last:])
        if half_close:
            peer.shutdown(socket.SHUT_WR)
        interim: list[int] = []
        for piece in sends[1:]:
            head = reader.head()
            if head is None or head[0] >= 200:
                raise WireError(f"no interim response but {head and head[0]}")
            interim.append(head[0])
            _send(peer, piece)
        responses: list[Response] = []
        for method in methods:
            response = reader.response(method)
            if response is None:
                return Exchange(responses, True)
            responses.append(response)
        if responses and interim:
            responses[0].interim[:0] = interim
        closed = half_close or not responses or responses[-1].closes
        if not closed:
            _send(peer, PROBE)
            closed = reader.response("GET") is None
        elif rest := reader.end():
            raise WireError(f"bytes after the last response: {rest[:80]!r}")
        return Exchange(responses, closed)


def in_process(answer: bytes, methods: list[str]) -> Exchange:
    """The same from all bytes that a connection brought before both sides had closed it."""
    pieces = [answer]
    reader = Reader(lambda: pieces.pop() if pieces else b"")
    responses: list[Response] = []
    for method in methods:
        response = reader.response(method)
        if response is None:
            return Exchange(responses, True)
        responses.append(response)
    if rest := reader.end():
        raise WireError(f"bytes after the last response: {rest[:80]!r}")
    return Exchange(responses, not responses or responses[-1].closes)


def _send(peer: socket.socket, data: bytes) -> None:
    # A server may answer and close before it has read everything; its answer is judged.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        peer.sendall(data)


def _receive(peer: socket.socket) -> bytes:
    try:
        return peer.recv(65536)
    except ConnectionResetError:
        return b""
    except TimeoutError:
        raise WireError(f"nothing came for {TIME_LIMIT:g} s") from None
