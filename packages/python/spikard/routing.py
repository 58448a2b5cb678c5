"""Registering routes: the decorators that an app and a router share, and routers, which nest. Looks at no signature."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NoReturn, TypeVar, Unpack

from spikard.auth import Auth
from spikard.hooks import Hook, HookFunction, HookOptions, Moment
from spikard.limits import RateLimit
from spikard.route import Declared, place

Handler = TypeVar("Handler", bound=Callable[..., Any])
AnyHook = TypeVar("AnyHook", bound=HookFunction)


class RouteOptions(HookOptions, total=False):
    """Keywords of every route."""

    status: int
    """Status of a plain return value. Default 200, or 204 for None."""
    summary: str
    """One line for the documents. Default: the first line of the docstring."""
    description: str
    """CommonMark for the documents. Default: the rest of the docstring."""
    tags: Iterable[str]
    """After the routers' own."""
    operation_id: str
    """Default: the handler's name, made unique."""
    deprecated: bool
    """Still served, no longer advised."""
    include_in_schema: bool
    """False leaves it out of the documents."""
    response: Any
    """Type or JSON Schema of the plain return value. Default: the return annotation."""
    responses: Mapping[int | str, Any]
    """By status: a type, a Problem class, a description, `{"description", "content": {media: schema}}`, or None."""
    blocking: bool
    """Runs in a thread pool. For `def` handlers that wait. Default false."""
    timeout_ms: int
    """Time for the handler (504); 0 for none."""
    hard_cancel: bool
    """A client that leaves cancels an `async def` handler's task. Default false: `request.disconnected` says so."""
    body_limit: int
    """Largest request body in bytes (413)."""
    egress: Literal["enforce", "warn", "off"]
    """What happens to a response that breaks its schema."""
    additional_query: Literal["ignore", "reject"]
    """What happens to query parameters that the route does not declare."""
    auth: Auth | Iterable[Auth]
    """Who is let in: `bearer(...)`, or a list of ways of which any will do; an empty list lets everybody in."""
    rate_limit: RateLimit | Iterable[RateLimit]
    """Most requests in a time (429). The routes that inherit it count together."""
    concurrency: int
    """Most requests at once (503); 0 for any number. The routes that inherit it count together."""


class Routes:
    """What an app and a router have in common."""

    def __init__(self) -> None:
        self._routes: list[Declared] = []
        self._routers: list[Router] = []
        self._hooks: list[Hook] = []
        self._files: list[dict[str, Any]] = []

    def get(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves GET, and HEAD with it: `@app.get("/items/{id}")`."""
        return self._decorate("GET", path, options)

    def post(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves POST: `@app.post("/items", status=201)`."""
        return self._decorate("POST", path, options)

    def put(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves PUT."""
        return self._decorate("PUT", path, options)

    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves PATCH."""
        return self._decorate("PATCH", path, options)

    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves DELETE."""
        return self._decorate("DELETE", path, options)

    def query(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves QUERY: safe like GET, with a body."""
        return self._decorate("QUERY", path, options)

    def route(self, method: str, path: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Serves any method: `@app.route("OPTIONS", "/items")`."""
        return self._decorate(method, path, options)

    def add_route(
        self,
        method: str,
        path: str,
        handler: Callable[..., Any],
        *,
        parameters: Iterable[Mapping[str, Any]] | None = None,
        body: Mapping[str, Any] | None = None,
        **options: Unpack[RouteOptions],
    ) -> None:
        """Adds a route without a decorator.

        With `parameters` or `body` the contract comes first: the handler takes one Request, whatever its signature.
        `parameters`: `{"name", "in", "required", "schema", "style", "explode"}` each; `body`:
        `{"content": {media type: JSON Schema}, "required": True}`.
        """
        contract = (
            None
            if parameters is None and body is None
            else {"parameters": list(parameters or ()), "body": body and dict(body)}
        )
        self._add(method, path, handler, options, contract)

    def on_request(self, hook: AnyHook) -> AnyHook:
        """A hook `(request)` once the head is here: the route is found, the body not read yet.

        Hooks, `def` or `async def`, run around every request of the routes here and in what is included, wherever they
        stand: the app's first, then the routers', then the route's, each in the order of their registration. The app's
        run for requests that no route takes, too. A hook that returns a Response or raises a Problem answers; nothing
        lets the request go on.
        """
        return self._hook("on_request", hook)

    def pre_validation(self, hook: AnyHook) -> AnyHook:
        """A hook `(request)` once the body is here: nothing is validated yet, so edits are what is validated."""
        return self._hook("pre_validation", hook)

    def pre_handler(self, hook: AnyHook) -> AnyHook:
        """A hook `(request)` once everything is valid: the handler is next."""
        return self._hook("pre_handler", hook)

    def on_response(self, hook: AnyHook) -> AnyHook:
        """A hook `(request, response)` once there is a response, of a handler, a hook or a problem.

        `response.status`, `.headers`, `.content_type` and `.content` (bytes, or something that stands for a stream) can
        be set; a Response that is returned takes its place.
        """
        return self._hook("on_response", hook)

    def on_error(self, hook: AnyHook) -> AnyHook:
        """A hook `(request, problem)` once something went wrong, before it is a response.

        `problem.__cause__` is the exception, where there was one. A Response that is returned takes its place, a
        Problem that is raised is what the next hook sees.
        """
        return self._hook("on_error", hook)

    def _hook(self, at: Moment, hook: AnyHook) -> AnyHook:
        self._open()
        if not callable(hook):
            raise TypeError(f"{hook!r} cannot be called; write `@app.{at}` above a function")
        self._hooks.append(Hook(at, hook))
        return hook

    def files(
        self,
        path: str,
        root: str | os.PathLike[str],
        *,
        index: str = "index.html",
        fallback: str | None = None,
        precompressed: bool = False,
        cache_control: str | None = None,
        dotfiles: bool = False,
    ) -> None:
        """Serves the files of a directory below `path`, or one file at it: `app.files("/assets", "public")`.

        A relative `root` is one beside the file that says so. `index`: the file that stands for a directory; "" for
        none. `fallback`: the file that stands for what is not there, for clients that take `text/html`: the page of a
        single-page app. `precompressed`: send `app.css.br`, `.zst` or `.gz` for `app.css` to clients that take it.
        `cache_control`: value of the header field; the fallback's is then `no-cache`. `dotfiles`: serve names that
        begin with a dot. Links that lead out of the root are not followed. The routes are in no document.
        """
        self._open()
        caller = sys._getframe(1)
        file = caller.f_code.co_filename.removeprefix(os.getcwd() + os.sep)
        self._files.append(
            {
                "path": path,
                "root": os.fspath(root),
                "index": index,
                "fallback": fallback,
                "precompressed": precompressed,
                "cache_control": cache_control,
                "dotfiles": dotfiles,
                "declared": {"name": "files", "file": file, "line": caller.f_lineno},
            }
        )

    def include(self, router: Router) -> None:
        """Adds a router's routes, at this place in the order. A router may be filled after it was included."""
        if not isinstance(router, Router):
            raise TypeError(f"include() takes a Router, not {type(router).__name__}; `items = Router(prefix='/items')`")
        if router is self or router._holds(self):
            raise ValueError("a router cannot include itself")
        self._routers.append(router)

    def _decorate(self, method: str, path: str, options: Mapping[str, Any]) -> Callable[[Handler], Handler]:
        if callable(path):
            raise TypeError(f'the decorator needs a path: write `@app.{method.lower()}("/path")`')

        def add(handler: Handler) -> Handler:
            self._add(method, path, handler, options, None)
            return handler

        return add

    def _add(
        self,
        method: str,
        path: str,
        handler: Callable[..., Any],
        options: Mapping[str, Any],
        contract: dict[str, Any] | None,
    ) -> None:
        self._open()
        if not callable(handler):
            raise TypeError(f"{handler!r} cannot be called; a handler is a function")
        check_names(options, RouteOptions, RENAMED, f"{method} {path}")
        check_tags(options.get("tags", ()))
        file, line = place(handler)
        scope = sys._getframe(2).f_locals if "<locals>" in getattr(handler, "__qualname__", "") else {}
        self._routes.append(Declared(method.upper(), path, handler, dict(options), file, line, dict(scope), contract))

    def _open(self) -> None:
        """Raises when nothing may be added any more; an app says when."""

    def _holds(self, other: object) -> bool:
        return any(inner is other or inner._holds(other) for inner in self._routers)

    def __getattr__(self, name: str) -> NoReturn:
        right = GUESSES.get(name) or next(
            iter(difflib.get_close_matches(name, [n for n in dir(type(self)) if n[0] != "_"], 1)), ""
        )
        raise AttributeError(
            f"{type(self).__name__} has no {name!r}" + (f"; {_hint(right)}" if right else ""), name=name, obj=self
        )


class Router(Routes):
    """Routes under one prefix that share tags and options: `items = Router(prefix="/items", tags=["items"])`.

    Routers nest by `include`; the nearest option wins, tags add up.
    """

    def __init__(
        self,
        prefix: str = "",
        *,
        tags: Iterable[str] = (),
        body_limit: int | None = None,
        timeout_ms: int | None = None,
        egress: Literal["enforce", "warn", "off"] | None = None,
        additional_query: Literal["ignore", "reject"] | None = None,
        auth: Auth | Iterable[Auth] | None = None,
        rate_limit: RateLimit | Iterable[RateLimit] | None = None,
        concurrency: int | None = None,
    ) -> None:
        super().__init__()
        check_tags(tags)
        self.prefix = prefix
        self.tags = list(tags)
        self._options = {
            "body_limit": body_limit,
            "timeout_ms": timeout_ms,
            "egress": egress,
            "additional_query": additional_query,
            "auth": auth,
            "rate_limit": rate_limit,
            "concurrency": concurrency,
        }


GUESSES = {
    "include_router": "include(router)",
    "register_blueprint": "include(router)",
    "mount": "include(router), or files(path, root)",
    "static": "files(path, root)",
    "static_files": "files(path, root)",
    "add_api_route": "add_route(method, path, handler)",
    "add_url_rule": "add_route(method, path, handler)",
    "api_route": "route(method, path)",
    "on_event": "Spikard(lifespan=...)",
    "add_event_handler": "Spikard(lifespan=...)",
    "on_startup": "Spikard(lifespan=...)",
    "on_shutdown": "Spikard(lifespan=...)",
    "openapi_schema": "openapi()",
    "test_client": "TestClient(app)",
    "serve": "run(host=..., port=...)",
    "websocket": "WebSockets are not there yet",
    "sse": "event streams are not there yet",
    "middleware": "hooks: on_request, pre_handler, on_response",
    "add_middleware": "hooks: on_request, pre_handler, on_response",
    "before_request": "on_request",
    "after_request": "on_response",
    "before_handler": "pre_handler",
    "exception_handler": "on_error",
    "errorhandler": "on_error",
    "head": "GET routes answer HEAD",
    "options": "OPTIONS is answered by itself; for an answer of your own use route('OPTIONS', path)",
}
RENAMED = {
    "status_code": "status",
    "response_model": "response",
    "name": "operation_id",
    "methods": "a decorator per method, or @app.route(method, path)",
    "timeout": "timeout_ms",
    "hidden": "include_in_schema=False",
    "dependencies": "pre_handler, or arguments of the handler",
}


def _hint(right: str) -> str:
    if " " in right and not right.endswith(")"):
        return right
    return f"use {right}" if "(" in right else f"did you mean {right!r}?"


def check_tags(tags: Iterable[str]) -> None:
    """Refuses one string: it would be taken for a list of its letters."""
    if isinstance(tags, str):
        raise TypeError(f"tags is a list; write tags=[{tags!r}]")


def check_names(given: Mapping[str, Any], options: Any, renamed: Mapping[str, str], where: str) -> None:
    """Refuses an unknown keyword and names the right one."""
    for name in given:
        if name not in options.__annotations__:
            close = difflib.get_close_matches(name, options.__annotations__, 1)
            right = renamed.get(name) or (close[0] if close else f"one of {', '.join(options.__annotations__)}")
            raise TypeError(f"{where} has no option {name!r}; use {right}")
