"""What the five-alike checks must notice, and what they must not."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from alike.port import Port
from alike.sight import Sight, differences
from runner import wire

BODY = b'{"price":7.0,"tags":["7.0"]}'


def sight(body: bytes = BODY, status: int = 200, media: str = "application/json", id: str = "a1", **more: str) -> Sight:
    headers = [("content-type", media), ("x-request-id", id), ("date", id), *more.items()]
    return Sight.of(wire.Exchange([wire.Response(status, headers, body)], False))


@pytest.mark.parametrize(
    "other",
    [
        sight(b'{"price":7,"tags":["7.0"]}'),
        sight(b'{"price":0.7e1,"tags":["7.0"]}'),
        sight(id="b2"),
    ],
)
def test_the_same_to_a_client(other: Sight) -> None:
    assert differences({"php": sight(), "ruby": other}) == []


@pytest.mark.parametrize(
    "other",
    [
        sight(b'{"price":7.5,"tags":["7.0"]}'),
        sight(b'{"price":7.0,"tags":["7"]}'),
        sight(b'{"tags":["7.0"],"price":7.0}'),
        sight(b'{"price": 7.0,"tags":["7.0"]}'),
        sight(status=201),
        sight(media="application/problem+json"),
        sight(etag='"1"'),
        Sight.of(wire.Exchange([], True)),
    ],
)
def test_what_a_client_can_tell(other: Sight) -> None:
    assert len(differences({"php": sight(), "ruby": other, "rust": sight()})) == 2


def test_other_media_types_are_compared_to_the_byte() -> None:
    assert differences(
        {"php": sight(media="text/plain"), "ruby": sight(b'{"price":7,"tags":["7.0"]}', media="text/plain")}
    )


def metrics(worker: int, seconds: str, own: int, count: int = 1) -> Sight:
    lines = [
        f'http_requests_total{{route="/",worker="{worker}"}} {count}',
        f'http_request_duration_seconds_sum{{route="/",worker="{worker}"}} {seconds}',
        f'http_response_body_bytes_sum{{route="/",worker="{worker}"}} 7',
        f'http_response_body_bytes_sum{{route="/metrics",worker="{worker}"}} {own}',
    ]
    return sight("\n".join(lines).encode(), media="text/plain; version=0.0.4; charset=utf-8")


def test_metrics_are_compared_but_for_their_process_and_times() -> None:
    assert differences({"php": metrics(1, "0.25", 2601), "ruby": metrics(2, "0.3", 2599)}) == []
    assert differences({"php": metrics(1, "0.25", 2601), "ruby": metrics(1, "0.25", 2601, count=2)})


def test_one_socket_of_a_port_is_chosen() -> None:
    port = Port(3)
    try:
        for member in port.sockets:
            member.settimeout(5)
        for index in (2, 0, 1, 1):
            port.only(index)
            with socket.create_connection(("127.0.0.1", port.number), timeout=5) as client:
                accepted, peer = port.sockets[index].accept()
                accepted.close()
                assert peer == client.getsockname()
    finally:
        port.close()
