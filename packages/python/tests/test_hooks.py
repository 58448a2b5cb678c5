"""Hooks: their order, what they see and edit, and what comes of what they return."""

from __future__ import annotations

import asyncio
import contextvars
import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from test_serving import port_of, started

from spikard import Conflict, DefinitionError, Forbidden, NotFound, Problem, Request, Response, Router, Spikard
from spikard.hooks import MOMENTS
from spikard.testing import TestClient


class Item(msgspec.Struct):
    count: int


def noting(routes: Spikard | Router, who: str) -> None:
    """Notes every moment in `request.state.ran`; every second hook waits."""
    for number, moment in enumerate(MOMENTS):

        def note(request: Request, *more: Any, moment: str = moment) -> None:
            ran = getattr(request.state, "ran", None) or []
            request.state.ran = [*ran, f"{who}.{moment}"]
            if moment == "on_response":
                response: Response[Any] = more[0]
                response.headers = [pair for pair in response.headers if pair[0] != "x-ran"]
                response.headers.append(("x-ran", " ".join(request.state.ran)))

        async def waits(request: Request, *more: Any, note: Any = note) -> None:
            await asyncio.sleep(0)
            note(request, *more)

        getattr(routes, moment)(waits if number % 2 else note)


def app_of_all() -> Spikard:
    app = Spikard()
    noting(app, "app")
    shop = Router("/shop")
    noting(shop, "shop")

    @shop.post("/items", pre_handler=lambda request: setattr(request.state, "own", True))
    async def create(item: Item, request: Request) -> Item:
        assert request.state.own
        return item

    app.include(shop)
    return app


def expected(*moments: str, who: tuple[str, ...] = ("app", "shop")) -> str:
    return " ".join(f"{one}.{moment}" for moment in moments for one in who)


def test_hooks_run_in_order_and_share_the_state_of_the_request() -> None:
    with TestClient(app_of_all()) as client:
        good = client.post("/shop/items", json={"count": 1})
        assert good.status == 200
        assert good.headers["x-ran"] == expected("on_request", "pre_validation", "pre_handler", "on_response")
        bad = client.post("/shop/items", json={"count": "x"})
        assert bad.status == 422
        assert bad.headers["x-ran"] == expected("on_request", "pre_validation", "on_error", "on_response")
        lost = client.get("/nowhere")
        assert lost.status == 404
        assert lost.headers["x-ran"] == expected("on_error", "on_response", who=("app",))


def test_an_edit_is_seen_by_validation_and_handler() -> None:
    app = Spikard()

    @app.on_request
    def head(request: Request) -> None:
        assert request.headers["x-old"] == "1"
        request.set_header("content-type", "application/json")
        request.add_header("x-many", "a")
        request.add_header("x-many", "ü")
        request.remove_header("x-old")
        request.set_query_string("limit=7")
        assert request.query_string == "limit=7"
        assert request.headers.get_all("x-many") == ["a", "ü"]

    @app.pre_validation
    async def body(request: Request) -> None:
        await asyncio.sleep(0)
        request.set_body(request.body.replace(b"one", b"1"))

    @app.post("/items")
    def create(item: Item, limit: int, request: Request) -> list[Any]:
        return [item.count, limit, request.headers.get_all("x-many"), "x-old" in request.headers]

    with TestClient(app) as client:
        answer = client.post("/items", content=b'{"count":one}', headers={"content-type": "text/plain", "x-old": "1"})
        assert answer.json() == [1, 7, ["a", "ü"], False]


@pytest.mark.parametrize(
    "edit",
    [("set_header", "a b", ""), ("set_header", "a", "\n"), ("set_header", "a", "€"), ("set_query_string", "a b")],
)
def test_an_edit_that_cannot_stand_is_refused(edit: tuple[str, ...]) -> None:
    app = Spikard(debug=True)

    @app.on_request
    def wrong(request: Request) -> None:
        getattr(request, edit[0])(*edit[1:])

    @app.get("/")
    def index() -> None: ...

    answer = TestClient(app).get("/")
    assert answer.status == 500
    assert "ValueError" in answer.json()["cause"]


def test_an_edit_outside_of_a_hook_is_refused() -> None:
    def index(request: Request) -> None:
        request.set_header("a", "b")

    for hooks in ({}, {"on_request": lambda request: None}):
        app = Spikard(debug=True)
        app.get("/", **hooks)(index)  # type: ignore[arg-type]
        assert "ValueError: only hooks edit a request" in TestClient(app).get("/").json()["cause"]


@pytest.mark.parametrize("moment", ["on_request", "pre_validation", "pre_handler"])
def test_a_hook_answers_by_a_response_or_a_problem(moment: str) -> None:
    def guard(request: Request) -> Response[str] | None:
        match request.headers.get("x-key"):
            case "guest":
                return Response("hello, guest", status=203)
            case "owner":
                return None
        raise Forbidden("not you")

    app = Spikard()

    @app.get("/", **{moment: guard})  # type: ignore[arg-type]
    def index() -> str:
        return "in"

    with TestClient(app) as client:
        assert client.get("/").status == 403
        guest = client.get("/", headers={"x-key": "guest"})
        assert (guest.status, guest.text) == (203, "hello, guest")
        assert client.get("/", headers={"x-key": "owner"}).text == "in"


def test_the_response_is_edited_or_replaced() -> None:
    app = Spikard()

    @app.on_response
    def edit(request: Request, response: Response[Any]) -> Response[Any] | None:
        response.status += 1
        response.headers.append(("x-length", str(len(response.content))))
        if request.path == "/content":
            response.content = response.content.upper()
        if request.path == "/object":
            response.content, response.content_type = {"a": 1}, None
        if request.path == "/itself":
            return response
        return Response("other") if request.path == "/other" else None

    @app.get("/{name}")
    def show(name: str) -> str:
        return name

    with TestClient(app) as client:
        for path, status, text in [
            ("/content", 201, "CONTENT"),
            ("/object", 201, '{"a":1}'),
            ("/itself", 201, "itself"),
            ("/other", 200, "other"),
        ]:
            answer = client.get(path)
            assert (answer.status, answer.text) == (status, text), path
        assert client.get("/content").headers["x-length"] == "7"


def test_a_stream_is_not_read_and_keeps_its_chunks() -> None:
    app = Spikard()
    seen: list[str] = []

    @app.on_response
    def look(request: Request, response: Response[Any]) -> Response[Any]:
        seen.append(repr(response.content))
        response.headers.append(("x-seen", "1"))
        return response

    @app.get("/")
    def lines() -> Iterator[str]:
        yield "a"
        yield "b"

    answer = TestClient(app).get("/")
    assert (answer.text, answer.headers["x-seen"], seen) == ("ab", "1", ["<streamed content>"])


class OutOfStock(Problem):
    code = "out-of-stock"
    status = 409
    title = "Out of stock"


def test_errors_are_seen_with_what_was_raised() -> None:
    app = Spikard()
    seen: list[tuple[type, str, type]] = []

    @app.on_error
    def look(request: Request, problem: Problem) -> None:
        seen.append((type(problem), problem.detail, type(problem.__cause__)))

    @app.on_error
    async def answer(request: Request, problem: Problem) -> Response[str] | None:
        if isinstance(problem, NotFound):
            return Response("<h1>gone</h1>", status=404, content_type="text/html; charset=utf-8")
        if isinstance(problem.__cause__, ZeroDivisionError):
            raise Conflict("cannot be divided", extensions={"by": 0}) from problem
        return None

    @app.get("/divided")
    async def divided() -> float:
        await asyncio.sleep(0)
        return 1 / 0

    @app.get("/stock")
    def stock() -> None:
        raise OutOfStock("none left")

    with TestClient(app) as client:
        page = client.get("/nowhere")
        assert (page.status, page.text) == (404, "<h1>gone</h1>")
        conflict = client.get("/divided").json()
        assert (conflict["code"], conflict["detail"], conflict["by"]) == ("conflict", "cannot be divided", 0)
        assert client.get("/stock").json()["code"] == "out-of-stock"
    names = [(kind.__name__, detail, cause.__name__) for kind, detail, cause in seen]
    assert names == [
        ("NotFound", "no route matches the path", "NoneType"),
        ("InternalError", "", "ZeroDivisionError"),
        ("OutOfStock", "none left", "NoneType"),
    ]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_hook_that_fails_is_a_500_and_says_nothing(moment: str) -> None:
    def fails(request: Request, *more: Any) -> None:
        raise RuntimeError("a secret")

    app = Spikard()

    @app.get("/", **{moment: fails})  # type: ignore[arg-type]
    def index() -> None:
        raise Conflict

    @app.get("/fine")
    def fine() -> str:
        return "fine"

    with TestClient(app) as client:
        answer = client.get("/")
        assert answer.status == 500
        assert "secret" not in answer.text
        assert client.get("/fine").text == "fine"


def test_what_is_neither_answer_nor_nothing_is_told() -> None:
    app = Spikard(debug=True)

    @app.pre_handler
    def wrong(request: Request) -> dict[str, int]:
        return {"a": 1}

    @app.get("/")
    def index() -> None: ...

    cause = TestClient(app).get("/").json()["cause"]
    assert "hook wrong returned <class 'dict'>; return a Response to answer, or nothing" in cause


def test_wrong_hooks_are_refused_at_start() -> None:
    app = Spikard()

    @app.on_response
    def after(request: Request) -> None: ...

    with pytest.raises(DefinitionError) as raised:
        app.freeze()
    [mistake] = raised.value.mistakes
    assert "test_hooks.py:" in mistake
    assert "on_response hook: too many positional arguments; write `def after(request, response):`" in mistake
    with pytest.raises(TypeError, match=r"write `@app.on_error` above a function"):
        Spikard().on_error(404)  # type: ignore[type-var]


def test_context_variables_of_one_request_are_not_seen_by_the_next() -> None:
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")
    app = Spikard()

    @app.on_request
    def remember(request: Request) -> None:
        user.set(request.headers.get("x-user", "nobody"))
        request.state.user = user.get()

    @app.get("/")
    def index(request: Request) -> list[str]:
        return [user.get(), request.state.user]

    with TestClient(app) as client:
        assert client.get("/", headers={"x-user": "Ada"}).json()[1] == "Ada"
        assert client.get("/").json() == ["nobody", "nobody"]


APP = """
import asyncio
from spikard import Request, Response, Spikard
app = Spikard(handler_timeout_ms=300)

@app.on_request
async def hold(request: Request) -> None:
    if request.path == "/late":
        await asyncio.sleep(60)
    await asyncio.sleep(0.001)

@app.on_response
async def mark(request: Request, response: Response) -> None:
    await asyncio.sleep(0.001)
    response.headers.append(("x-marked", request.request_id))

@app.post("/{name}")
def echo(name: str, request: Request) -> str:
    return f"{name} {len(request.body)}"

app.run(port=0)
"""


def post(port: int, path: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def test_hooks_that_wait_over_a_socket(tmp_path: Path) -> None:
    program = tmp_path / "main.py"
    program.write_text(APP)
    with started(program) as process:
        port = port_of(process)
        for size in (0, 10, 3_000_000):
            status, headers, body = post(port, "/a", b"x" * size)
            assert (status, body) == (200, f"a {size}".encode())
            assert headers["x-marked"] == headers["x-request-id"]
        status, headers, body = post(port, "/late")
        assert (status, json.loads(body)["code"]) == (504, "handler-timeout")
        assert "x-marked" in headers
        assert post(port, "/b")[0] == 200
