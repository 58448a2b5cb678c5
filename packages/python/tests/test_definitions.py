"""What a wrong definition is told: all mistakes at once, with place and what to write."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import msgspec
import pytest

from spikard import Body, Cookie, DefinitionError, Header, Path, Query, Request, Router, Spikard


class Item(msgspec.Struct):
    name: str


class Opaque:
    pass


def wrong(handler: Callable[..., Any], path: str = "/", method: str = "POST", **options: Any) -> str:
    app = Spikard()
    app.route(method, path, **options)(handler)
    with pytest.raises(DefinitionError) as caught:
        app.spec()
    assert len(caught.value.mistakes) == 1
    place, _, text = caught.value.mistakes[0].partition(f": {method} {path}: ")
    assert place.endswith(f"test_definitions.py:{handler.__code__.co_firstlineno}")
    return text


def misnamed(idd: str) -> None: ...
def guess(x) -> None: ...  # type: ignore[no-untyped-def]
def mapping(filter: dict[str, int]) -> None: ...
def two(a: Item, b: Item) -> None: ...
def old(q: int = Query(ge=1)) -> None: ...  # type: ignore[assignment]
def everything(*args: int) -> None: ...
def header_body(item: Annotated[Item, Header()]) -> None: ...
def stray(id: Annotated[int, Path()]) -> None: ...
def marked(id: Annotated[int, Query()]) -> None: ...
def twice(id: Annotated[int, Query(), Cookie()]) -> None: ...
def opaque(x: Annotated[Opaque, Body()]) -> None: ...
def returned() -> Opaque: ...  # type: ignore[empty-body]
def yields() -> Iterator[int]:
    yield 1


async def streams() -> AsyncIterator[int]:
    yield 1


async def waits() -> None: ...
def late(item: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def defaulted(id: int = 3) -> None: ...
def table(x: Annotated[dict[str, int], Query()]) -> None: ...
def read(item: Item) -> None: ...
def pattern(x: Annotated[str, Query(pattern="(")]) -> None: ...
def bare(request) -> None: ...  # type: ignore[no-untyped-def]
def method(self) -> None: ...  # type: ignore[no-untyped-def]
def typed(data: Annotated[Item, Body(media_type="text/csv")]) -> None: ...


@pytest.mark.parametrize(
    ("handler", "options", "told"),
    [
        (guess, {}, '"x" has no annotation; write `x: str` for a query parameter'),
        (mapping, {}, "write `filter: Annotated[dict[str, int], Body()]`"),
        (two, {}, "a request has one"),
        (old, {}, "write `q: Annotated[int, Query(...)]`"),
        (everything, {}, "take `request: Request`"),
        (header_body, {}, "mark it Body()"),
        (stray, {"path": "/{idx}/"}, None),
        (marked, {"path": "/{id}"}, "marked Query"),
        (twice, {}, "2 markers"),
        (opaque, {}, "Opaque has no JSON form"),
        (returned, {}, "return annotation `Opaque`: Opaque has no JSON form"),
        (yields, {}, "a stream gives bytes or str, not int"),
        (streams, {}, "encode its chunks"),
        (late, {}, "outside `if TYPE_CHECKING`"),
        (defaulted, {"path": "/{id}"}, "remove its default"),
        (table, {}, "has no text form"),
        (read, {"method": "GET"}, "use POST, PUT, PATCH or QUERY"),
        (typed, {}, "cannot be read from text/csv"),
        (pattern, {}, "the pattern '(' is no regular expression"),
        (bare, {}, "write `request: Request`"),
        (method, {}, "registered bound"),
        (waits, {"responses": {404: 3}}, "3 is not a type that JSON can show"),
        (waits, {"blocking": True}, "write `def`"),
        (read, {"hard_cancel": True}, "remove hard_cancel"),
        (two, {"responses": {404: Opaque}}, None),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_mistakes(handler: Callable[..., Any], options: dict[str, Any], told: str | None) -> None:
    if told is not None:
        assert told in wrong(handler, **options)
    else:
        with pytest.raises(DefinitionError) as caught:
            wrong_app(handler, options).spec()
        assert len(caught.value.mistakes) == 2


def wrong_app(handler: Callable[..., Any], options: dict[str, Any]) -> Spikard:
    app = Spikard()
    app.route("POST", options.pop("path", "/"), **options)(handler)
    return app


def test_a_parameter_that_is_nearly_right() -> None:
    assert 'did you mean "idd"?' in wrong(misnamed, "/{id}")


def test_all_mistakes_of_all_routes_come_at_once() -> None:
    app = Spikard()
    router = Router("/r")
    app.post("/two")(two)
    router.get("/guess")(guess)
    app.include(router)
    with pytest.raises(DefinitionError) as caught:
        app.run()
    assert [line.split(": ")[1] for line in caught.value.mistakes] == ["POST /two", "GET /r/guess"]


def test_a_refused_app_leaves_no_socket_to_the_programs_it_starts() -> None:
    before = dict(os.environ)
    app = Spikard()
    app.post("/two")(two)
    with pytest.raises(DefinitionError):
        app.run(port=0)
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("attempt", "told"),
    [
        (lambda app: app.include_router, r"use include\(router\)"),
        (lambda app: app.gett, "did you mean 'get'"),
        (lambda app: app.on_event, "lifespan"),
        (lambda app: Spikard(debgu=True), "use debug"),  # type: ignore[call-arg]
        (lambda app: Spikard(docs_url="/d"), "use docs_path"),  # type: ignore[call-arg]
        (lambda app: app.get("/", status_code=201)(two), "use status"),
        (lambda app: app.get("/", response_model=Item)(two), "use response"),
        (lambda app: app.get(two), r'write `@app.get\("/path"\)`'),
        (lambda app: app.include(app), "takes a Router"),
        (lambda app: app.state.store, "lifespan"),
        (lambda app: app.websocket, "; WebSockets are not there yet$"),
        (lambda app: app.get("/", tags="items")(two), r"write tags=\['items'\]"),
        (lambda app: Router(tags="items"), r"write tags=\['items'\]"),
        (lambda app: Spikard(lifespan=lambda: None), "lifespan takes the app"),  # type: ignore[arg-type]
    ],
)
def test_wrong_guesses_are_answered_with_the_right_call(attempt: Callable[[Any], Any], told: str) -> None:
    with pytest.raises((AttributeError, TypeError), match=told):
        attempt(Spikard())


def test_imports_from_other_frameworks_are_answered() -> None:
    with pytest.raises(ImportError, match="write `from spikard import Router`"):
        exec("from spikard import APIRouter")
    with pytest.raises(ImportError, match="cannot import name"):
        exec("from spikard import NoSuchThing")


def test_a_request_answers_wrong_guesses() -> None:
    with pytest.raises(AttributeError, match=r"use request\.query"):
        Request.__getattr__(object.__new__(Request), "query_params")
