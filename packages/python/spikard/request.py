"""The request as its handler sees it: declared parameters typed, everything else as it arrived. Parses on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import msgspec

from spikard.auth import Principal

if TYPE_CHECKING:
    from spikard._native import Request as NativeRequest

Names = tuple[tuple[str, str], ...]


class Headers(Mapping[str, str]):
    """Header fields: names without case, in lower case; a repeated name gives its values joined with `, `."""

    __slots__ = ("raw",)

    def __init__(self, raw: list[tuple[str, str]]) -> None:
        self.raw = raw
        """Every field as (lower-case name, value), in the order sent."""

    def get_all(self, name: str) -> list[str]:
        """Every value of a name, in the order sent; empty when there is none."""
        name = name.lower()
        return [value for key, value in self.raw if key.lower() == name]

    def __getitem__(self, name: str) -> str:
        found = self.get_all(name)
        if not found:
            raise KeyError(name)
        return ", ".join(found)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key.lower() for key, _ in self.raw))

    def __len__(self) -> int:
        return len({key.lower() for key, _ in self.raw})

    def __repr__(self) -> str:
        return f"Headers({self.raw!r})"


Edit = Literal["set_header", "add_header", "remove_header", "set_query", "set_body"]


def _latin(value: str) -> bytes:
    """A field's value as bytes; what is read as Latin-1 is written so."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError as error:
        wrong = value[error.start]
        raise ValueError(f"{wrong!r} cannot stand in a header value; encode it") from None


class RequestState:
    """A place for what belongs to one request: `request.state.user = user`."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"request.state.{name} is not set; set it in a hook that runs before")

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


class Request:
    """One request. Take it as an argument: `def show(request: Request)`; it stays valid for as long as it is kept."""

    def __init__(self, native: NativeRequest, names: Names) -> None:
        self._native = native
        self._names = names

    @property
    def method(self) -> str:
        """Upper case: `GET`."""
        return self._native.method

    @property
    def target(self) -> str:
        """Path and query as sent: `/items?tag=a%20b`."""
        return self._native.target

    @property
    def path(self) -> str:
        """The path as sent, without the query."""
        return self._native.path

    @property
    def query_string(self) -> str:
        """The query as sent, without the `?`."""
        return self._native.query_string

    @property
    def request_id(self) -> str:
        """Identity of this exchange; the answer carries it as `x-request-id`."""
        return self._native.request_id

    @property
    def client(self) -> tuple[str, int] | None:
        """Address and port of the peer; None under the test client."""
        return self._native.client

    @property
    def principal(self) -> Principal | None:
        """Who sent it, where the route says who is let in (`auth=`); None for anybody."""
        principal = self._native.principal
        return None if principal is None else Principal(*principal)

    @property
    def state(self) -> RequestState:
        """What hooks and handler leave for each other: `request.state.user = user`. One for each request."""
        state: RequestState = self._native.state(RequestState)
        return state

    def set_header(self, name: str, value: str) -> None:
        """In a hook: gives the field this one value, for all that follows. Raises ValueError (RFC 9110 section 5)."""
        self._edit("set_header", name, _latin(value))

    def add_header(self, name: str, value: str) -> None:
        """In a hook: adds a value to those of the field. Raises ValueError."""
        self._edit("add_header", name, _latin(value))

    def remove_header(self, name: str) -> None:
        """In a hook: removes the field."""
        self._edit("remove_header", name)

    def set_query_string(self, query: str) -> None:
        """In a hook: replaces the query, without `?`. The path stays, as the route is found. Raises ValueError."""
        self._edit("set_query", value=query.encode())

    def set_body(self, body: bytes) -> None:
        """In a hook before validation: replaces the body."""
        self._edit("set_body", value=body)

    def _edit(self, what: Edit, name: str = "", value: bytes = b"") -> None:
        self._native = self._native.edited(what, name, value)
        for name in ("headers", "cookies", "query"):
            self.__dict__.pop(name, None)

    @property
    def disconnected(self) -> bool:
        """The client is gone."""
        return self._native.disconnected

    async def wait_disconnected(self) -> None:
        """Waits until the client leaves before it was answered; `hard_cancel=True` cancels the task instead."""
        await self._native.wait_disconnected()

    @property
    def body(self) -> bytes:
        """The whole body; empty when there is none."""
        return self._native.body

    @cached_property
    def headers(self) -> Headers:
        """Every header field as sent."""
        return Headers(self._native.headers)

    @cached_property
    def cookies(self) -> dict[str, str]:
        """Every cookie as sent (RFC 6265, not percent-decoded); of a repeated name the first."""
        found: dict[str, str] = {}
        for field in self.headers.get_all("cookie"):
            for pair in field.split(";"):
                name, separator, value = pair.strip().partition("=")
                if separator:
                    found.setdefault(name, value.removeprefix('"').removesuffix('"'))
        return found

    @cached_property
    def query(self) -> dict[str, Any]:
        """Declared query parameters that were sent or have a default, typed."""
        return self._placed("query")

    @cached_property
    def path_params(self) -> dict[str, Any]:
        """Declared path parameters, typed."""
        return self._placed("path")

    @cached_property
    def header_params(self) -> dict[str, Any]:
        """Declared header parameters that were sent or have a default, typed; names as declared."""
        return self._placed("header")

    @cached_property
    def cookie_params(self) -> dict[str, Any]:
        """Declared cookie parameters that were sent or have a default, typed."""
        return self._placed("cookie")

    def json(self) -> Any:
        """The body as plain values. Raises msgspec.DecodeError when it is not JSON."""
        return msgspec.json.decode(self._native.body)

    def text(self) -> str:
        """The body as UTF-8 text. Raises UnicodeDecodeError."""
        return self._native.body.decode()

    def _placed(self, place: str) -> dict[str, Any]:
        values = self._native.parameters
        return {
            name: value
            for (where, name), value in zip(self._names, values, strict=True)
            if where == place and value is not None
        }

    def __getattr__(self, name: str) -> NoReturn:
        right = GUESSES.get(name)
        hint = f"; use request.{right}" if right else ""
        raise AttributeError(f"a Request has no {name!r}{hint}")

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"


GUESSES = {
    "query_params": "query",
    "args": "query",
    "params": "path_params",
    "url": "target",
    "id": "request_id",
    "remote_addr": "client",
    "data": "body",
    "form": "body",
    "content": "body",
    "is_disconnected": "disconnected, or await request.wait_disconnected()",
}


def wrapper(names: Names) -> Callable[[NativeRequest], Request]:
    """Makes a route's requests; `names` are the (place, name) of its parameters in order."""

    def wrap(native: NativeRequest) -> Request:
        return Request(native, names)

    return wrap
