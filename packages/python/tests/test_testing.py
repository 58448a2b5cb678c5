"""The test clients: what they send, what they read, what they keep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import pytest

from spikard import AsyncTestClient, Body, Query, Request, Response, Spikard, TestClient
from spikard.errors import SpikardError
from spikard.testing import UnexpectedStatus, parse

app = Spikard()


@app.route("POST", "/echo")
def echo(request: Request, q: Annotated[tuple[str, ...], Query()] = ()) -> dict[str, Any]:
    return {
        "target": request.target,
        "q": list(q),
        "headers": [list(pair) for pair in request.headers.raw],
        "cookies": request.cookies,
        "body": request.body.decode(),
    }


@app.get("/cookie")
def cookie() -> Response[None]:
    response = Response(None, status=204)
    response.set_cookie("a", "1", secure=False)
    response.set_cookie("b", "2", max_age=60, path="/x", domain="example.org", same_site="strict")
    return response


@app.get("/forget")
def forget() -> Response[None]:
    response = Response(None, status=204)
    response.delete_cookie("a")
    return response


@app.post("/bytes")
def content(data: Annotated[bytes, Body()]) -> bytes:
    return data[::-1]


@app.get("/wait")
async def wait() -> str:
    await asyncio.sleep(0.001)
    return "waited"


@pytest.fixture
def client() -> TestClient:
    return TestClient(app)


def test_a_request_has_what_a_client_sends(client: TestClient) -> None:
    seen = client.post("/echo?x=ä b", params={"q": ["1", 2], "none": None, "yes": True}, json={"a": 1}).json()
    assert seen["target"] == "/echo?x=%C3%A4%20b&q=1&q=2&yes=true"
    assert (seen["q"], seen["body"]) == (["1", "2"], '{"a":1}')
    assert ["host", "testserver"] in seen["headers"]
    assert ["content-type", "application/json"] in seen["headers"]
    assert ["content-length", "7"] in seen["headers"]


def test_forms_and_repeated_headers(client: TestClient) -> None:
    seen = client.post("/echo", data=[("a", "1"), ("a", "ä")], headers=[("x-a", "1"), ("x-a", "2")]).json()
    assert seen["body"] == "a=1&a=%C3%A4"
    assert [value for name, value in seen["headers"] if name == "x-a"] == ["1", "2"]


def test_bytes_arrive_unchanged(client: TestClient) -> None:
    data = bytes(range(256))
    answer = client.post("/bytes", content=data, headers={"content-type": "application/octet-stream"})
    assert answer.content == data[::-1]


def test_cookies_are_kept_and_dropped(client: TestClient) -> None:
    answer = client.get("/cookie")
    assert answer.headers.get_all("set-cookie") == [
        "a=1; Path=/; HttpOnly; SameSite=Lax",
        "b=2; Max-Age=60; Path=/x; Domain=example.org; Secure; HttpOnly; SameSite=Strict",
    ]
    assert answer.cookies == client.cookies == {"a": "1", "b": "2"}
    assert client.post("/echo", cookies={"c": "3"}).json()["cookies"] == {"a": "1", "b": "2", "c": "3"}
    client.get("/forget")
    assert client.cookies == {"b": "2"}


def test_head_has_no_body(client: TestClient) -> None:
    answer = client.head("/wait")
    assert (answer.status, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "6"


def test_raise_for_status_shows_the_problem(client: TestClient) -> None:
    with pytest.raises(UnexpectedStatus, match=r"GET /nowhere answered 404: .*not-found"):
        client.get("/nowhere").raise_for_status()
    assert client.get("/wait").raise_for_status().text == "waited"


@pytest.mark.parametrize(
    "options",
    [{"json": 1, "content": b""}, {"jsn": 1}],
)
def test_wrong_requests_are_refused(client: TestClient, options: Any) -> None:
    with pytest.raises(TypeError):
        client.post("/echo", **options)
    with pytest.raises(ValueError, match="line break"):
        client.get("/wait", headers={"x": "a\r\nb: c"})


def test_raw_bytes_and_pipelining(client: TestClient) -> None:
    answers = client.exchange(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n" * 2)
    assert answers.count(b"HTTP/1.1 200") == 2


async def in_a_loop() -> None:
    with pytest.raises(RuntimeError, match="AsyncTestClient"):
        TestClient(app).get("/wait")


def test_the_sync_client_names_the_async_one() -> None:
    asyncio.run(in_a_loop())


def test_the_async_client_runs_requests_at_once() -> None:
    async def both() -> list[str]:
        client = AsyncTestClient(app)
        answers = await asyncio.gather(*(client.get("/wait") for _ in range(20)))
        return [answer.text for answer in answers]

    assert asyncio.run(both()) == ["waited"] * 20


@pytest.mark.parametrize("as_generator", [True, False])
def test_the_lifespan_surrounds_the_requests(as_generator: bool) -> None:
    import contextlib

    async def lifespan(app: Spikard) -> AsyncIterator[None]:
        app.state.log = ["open"]
        yield
        app.state.log.append("closed")

    own = Spikard(lifespan=lifespan if as_generator else contextlib.asynccontextmanager(lifespan))

    @own.get("/")
    def show() -> list[str]:
        own.state.log.append("asked")
        return list(own.state.log)

    with TestClient(own) as client:
        assert client.get("/").json() == ["open", "asked"]
    assert own.state.log == ["open", "asked", "closed"]

    async def again() -> None:
        async with AsyncTestClient(own) as client:
            assert (await client.get("/")).json() == ["open", "asked"]

    asyncio.run(again())


def test_an_app_is_closed_once_it_serves(client: TestClient) -> None:
    with pytest.raises(RuntimeError, match="before the first TestClient"):
        app.get("/late")(wait)


@pytest.mark.parametrize(
    ("answer", "told"),
    [(b"", "without an answer"), (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc", "after 3 of 5 bytes")],
)
def test_half_an_answer_is_an_error(answer: bytes, told: str) -> None:
    with pytest.raises(SpikardError, match=told):
        parse("GET", "/", answer)


def test_chunked_answers_are_joined() -> None:
    head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = head + b"3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n"
    assert parse("GET", "/", answer).content == b"abcd"


@pytest.mark.parametrize(("name", "value"), [("a b", "1"), ("", "1"), ("a", "1;2"), ("a", "é")])
def test_cookies_that_cannot_be(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="cookie"):
        Response(None).set_cookie(name, value)


def test_json_of_types(client: TestClient) -> None:
    class Pair(msgspec.Struct):
        a: int

    assert client.post("/echo", json=Pair(1)).json()["body"] == '{"a":1}'
