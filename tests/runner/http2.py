"""The same requests over HTTP/2 (RFC 9113), by prior knowledge: a case on one stream, then a probe on a second.

What a case says of HTTP/1.1 itself has no counterpart; `why_not` names the reason. Judges nothing else.
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError

from runner import cases
from runner.cases import Case
from runner.wire import TIME_LIMIT, Exchange, Response, WireError

OF_A_CONNECTION = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
EXCEPTIONS = {
    "header/whitespace": "white space around a value is part of it (RFC 9113 section 8.2.1)",
}
# The client compresses fields in Python: this much takes it a minute.
LONGEST_TARGET = 64 << 10
Fields = list[tuple[bytes, bytes]]


def why_not(case: Case) -> str:
    """Why a case has no counterpart in HTTP/2; empty when it has one."""
    request = case.request
    if "raw" in request or "raw_text" in request:
        return "the bytes are those of HTTP/1.1"
    if len(case.expects) > 1:
        return "several messages on one connection are several streams"
    if case.draining:
        return "the request is cut inside its head's last line"
    if any(name.lower() in OF_A_CONNECTION for name, _ in request.get("headers", [])):
        return "the request has a field of a connection"
    if len(request["target"]) > LONGEST_TARGET:
        return "the client is too slow for a target of this length"
    return next((reason for glob, reason in EXCEPTIONS.items() if fnmatchcase(case.id, glob)), "")


def counterpart(case: Case) -> Case:
    """The case without what it expects of the connection: neither its fields nor its end."""
    return replace(case, expects=[_of_message(expect) for expect in case.expects])


def _of_message(expect: dict[str, Any]) -> dict[str, Any]:
    left = {name: value for name, value in expect.items() if name != "closed"}
    if "any_of" in left:
        left["any_of"] = [_of_message(choice) for choice in left["any_of"]]
    if "headers" in left:
        left["headers"] = {name: value for name, value in left["headers"].items() if name not in OF_A_CONNECTION}
    return left


def fields(case: Case) -> tuple[Fields, bytes]:
    """The request's fields, pseudo fields first, and its body."""
    content_type, body = cases.content(case.request.get("body"))
    given = [(name.lower(), value) for name, value in case.request.get("headers", [])]
    names = {name for name, _ in given}
    automatic = [("content-type", content_type), ("content-length", None if body is None else str(len(body)))]
    given[:0] = [(name, value) for name, value in automatic if value is not None and name not in names]
    target = case.request["target"]
    pseudo = [(":method", case.request["method"]), (":scheme", "http"), (":path", target)]
    if "host" not in names:
        pseudo.append((":authority", "fixtures.test"))
    return [(name.encode(), value.encode()) for name, value in pseudo + given], body or b""


def over_socket(port: int, case: Case) -> Exchange:
    """Sends a case on a new connection, reads its response, then sees whether the connection still works."""
    head, body = fields(case)
    with socket.create_connection(("127.0.0.1", port), timeout=TIME_LIMIT) as peer:
        client = _Client(peer)
        waits = any(name == b"expect" for name, _ in head)
        response = client.ask(head, body, waits)
        probe = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/health/live"), (b":authority", b"a")]
        client.ask(probe, b"", False)
        return Exchange([response], closed=False)


class _Client:
    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        # What a fixture sends is meant, wrong or not.
        self._h2 = H2Connection(
            H2Configuration(
                client_side=True,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._h2.initiate_connection()
        self._flush()

    def ask(self, head: Fields, body: bytes, waits: bool) -> Response:
        stream = self._h2.get_next_available_stream_id()
        self._h2.send_headers(stream, head, end_stream=not body)
        self._flush()
        answer = _Answer()
        left = memoryview(body)
        while not answer.complete:
            if left and not (waits and not answer.interim and answer.status is None):
                left = self._send(stream, left)
            if not answer.complete:
                self._receive(stream, answer)
        return answer.response()

    def _send(self, stream: int, left: memoryview) -> memoryview:
        with contextlib.suppress(ProtocolError):  # It was answered, or reset, before it was whole.
            while left and (room := min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)):
                piece, left = left[:room], left[room:]
                self._h2.send_data(stream, bytes(piece), end_stream=not left)
            self._flush()
            return left
        return left[:0]

    def _receive(self, stream: int, answer: _Answer) -> None:
        try:
            data = self._peer.recv(65536)
        except TimeoutError:
            raise WireError(f"nothing came for {TIME_LIMIT:g} s") from None
        except ConnectionResetError:
            data = b""
        if not data:
            raise WireError("the connection ended inside a response")
        try:
            for event in self._h2.receive_data(data):
                if isinstance(event, ConnectionTerminated):
                    raise WireError(f"GOAWAY with code {event.error_code}")
                if getattr(event, "stream_id", None) == stream:
                    answer.take(event)
                if isinstance(event, DataReceived):
                    self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        except ProtocolError as error:
            raise WireError(f"not HTTP/2: {error}") from None
        self._flush()

    def _flush(self) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._peer.sendall(self._h2.data_to_send())


class _Answer:
    def __init__(self) -> None:
        self.status: int | None = None
        self.interim: list[int] = []
        self.complete = False
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()

    def take(self, event: object) -> None:
        if isinstance(event, InformationalResponseReceived):
            self.interim.append(int(dict(event.headers)[b":status"]))
        elif isinstance(event, ResponseReceived):
            decoded = [(name.decode(), value.decode("latin-1")) for name, value in event.headers]
            self.status = int(decoded.pop(0)[1])
            self._headers = decoded
            if wrong := OF_A_CONNECTION & {name for name, _ in decoded}:
                raise WireError(f"the response has fields of a connection: {sorted(wrong)}")
        elif isinstance(event, DataReceived):
            self._body += event.data
        elif isinstance(event, StreamEnded):
            self.complete = True
        elif isinstance(event, StreamReset) and not self.complete:
            raise WireError(f"the stream was reset with code {event.error_code}")

    def response(self) -> Response:
        assert self.status is not None
        return Response(self.status, self._headers, bytes(self._body), self.interim)
