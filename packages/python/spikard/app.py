"""The app: build, check everything, freeze, serve. Knows no HTTP; the core does."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Unpack

import msgspec

from spikard import _bridge
from spikard.auth import Auth
from spikard.config import Options
from spikard.errors import DefinitionError, Problem, problem_of
from spikard.hooks import Hook, of_options
from spikard.limits import RateLimit
from spikard.response import Response
from spikard.route import Call, Mistake, build, policy
from spikard.routing import Router, Routes, check_names
from spikard.schema import Schemas, encode_hook
from spikard.stream import Stream

Lifespan = Callable[["Spikard"], AbstractAsyncContextManager[Any]] | Callable[["Spikard"], AsyncIterator[Any]]


class State:
    """A place for what lives as long as the app: `app.state.store = Store()`."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"app.state.{name} is not set; set it in the app's lifespan, before `yield`")

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


class Spikard(Routes):
    """An app: `app = Spikard(title="Inventory", version="1.0.0")`.

    `lifespan`: an async context manager, or an async generator function with one `yield`, that takes the app: opens
    what the app needs before the first request, closes it after the last.
    `auth`: who is let in to every route that does not say so itself: one way, or a list of which any will do.
    `rate_limit`, `concurrency`: most requests in a time (429), and at once (503), of all routes that do not say it.
    `schemas`: JSON Schemas for `#/components/schemas/<name>`, beside those of the handlers' types.
    Every other keyword is an option of `spikard.config.Options`.
    """

    def __init__(
        self,
        *,
        title: str = "Spikard",
        version: str = "0.1.0",
        description: str | None = None,
        lifespan: Lifespan | None = None,
        schemas: Mapping[str, Any] | None = None,
        auth: Auth | Iterable[Auth] | None = None,
        rate_limit: RateLimit | Iterable[RateLimit] | None = None,
        concurrency: int | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__()
        check_names(options, Options, RENAMED, "Spikard")
        self.title = title
        self.version = version
        self.description = description
        self.state = State()
        self._lifespan = _taking_the_app(lifespan)
        self._schemas = schemas
        self._policy = policy({"auth": auth, "rate_limit": rate_limit, "concurrency": concurrency})
        self._config: dict[str, Any] = dict(options)
        self._frozen: _bridge.App | None = None

    def run(self, *, host: str | None = None, port: int | None = None, workers: int | str | None = None) -> None:
        """Serves until SIGINT or SIGTERM. Raises DefinitionError when the app is wrong.

        The arguments go before the environment (`SPIKARD_PORT`), which goes before `spikard.toml` beside the program;
        the defaults are 127.0.0.1 and 8000, and 0 takes a free port. With `workers`, a number or "auto", this process
        becomes the supervisor of `spikard run --workers` and starts the program again for each worker; `run` never
        returns.
        In a worker that was started so, or by `spikard run`, the socket is open already and no argument is used.
        """
        from spikard import _worker

        _worker.run(self, host, port, workers)

    def spec(self) -> bytes:
        """The app as data: AppSpec as JSON text. Raises DefinitionError."""
        return self._assemble(check=True)[0]

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document. Raises DefinitionError."""
        document: dict[str, Any] = msgspec.json.decode(self.freeze().openapi())
        return document

    def freeze(self) -> _bridge.App:
        """Checks everything and closes the app; `run` and the test client do it. Raises DefinitionError."""
        if self._frozen is None:
            self._frozen = self._assemble(check=True)[1]
        return self._frozen

    def lifespan(self) -> AbstractAsyncContextManager[Any]:
        """What surrounds serving; entered by `run` and by the test client's `with`."""
        if self._lifespan is None:
            return contextlib.nullcontext()
        if inspect.isasyncgenfunction(self._lifespan):
            return contextlib.asynccontextmanager(self._lifespan)(self)
        made = self._lifespan(self)
        if not hasattr(made, "__aenter__"):
            raise TypeError(
                "lifespan must be an async context manager; write `async def lifespan(app): ...; yield; ...`"
            )
        return made  # type: ignore[return-value]

    def _open(self) -> None:
        if self._frozen is not None:
            raise RuntimeError("the app is serving already; add routes before run() and before the first TestClient")

    def _assemble(self, *, check: bool) -> tuple[bytes, _bridge.App]:
        assembly = Assembly(self._schemas)
        inside = assembly.routes(self, "")
        spec: dict[str, Any] = {"title": self.title, "version": self.version, "policy": self._policy}
        if self.description is not None:
            spec["description"] = self.description
        text = msgspec.json.encode(spec | {"config": self._config, "schemas": assembly.schemas.components} | inside)
        try:
            frozen = _bridge.freeze(text, assembly.calls, Response, Problem, problem_of, Stream, encode_into)
        except DefinitionError as error:
            raise DefinitionError([*assembly.mistakes, *error.mistakes]) from None
        if assembly.mistakes:
            raise DefinitionError(assembly.mistakes)
        return text, frozen


class Assembly:
    """Everything that became of an app's routes: calls by index, schemas, mistakes."""

    def __init__(self, schemas: Mapping[str, Any] | None) -> None:
        self.schemas = Schemas(schemas)
        self.calls: list[Call] = []
        self.mistakes: list[str] = []

    def routes(self, of: Routes, prefix: str) -> dict[str, Any]:
        """`routes`, `groups` and so on of an app or a router; routes with mistakes are left out."""
        routes = []
        hooks = self.hooks(of._hooks)
        for declared in of._routes:
            built = build(declared, prefix, self.schemas)
            self.mistakes += built.mistakes
            if built.call is not None:
                built.spec["hooks"] = self.hooks(of_options(declared.options))
                built.spec["handler"] = len(self.calls)
                self.calls.append(built.call)
                routes.append(built.spec)
        groups = [self.group(router, prefix) for router in of._routers]
        return {"hooks": hooks, "routes": routes, "groups": groups, "files": of._files}

    def hooks(self, hooks: Iterable[Hook]) -> list[dict[str, Any]]:
        specs = []
        for hook in hooks:
            try:
                call = hook.call()
            except Mistake as mistake:
                self.mistakes.append(str(mistake))
                continue
            specs.append(hook.spec(len(self.calls)))
            self.calls.append(call)
        return specs

    def group(self, router: Router, prefix: str) -> dict[str, Any]:
        group = {"prefix": router.prefix, "tags": router.tags, "policy": policy(router._options)}
        return group | self.routes(router, prefix + router.prefix)


def _taking_the_app(lifespan: Lifespan | None) -> Lifespan | None:
    """The lifespan, when it can be called with the app. Raises TypeError."""
    if lifespan is not None:
        try:
            inspect.signature(lifespan).bind(None)
        except TypeError:
            raise TypeError("lifespan takes the app; write `async def lifespan(app): ...; yield; ...`") from None
    return lifespan


encode_into = msgspec.json.Encoder(enc_hook=encode_hook).encode_into

RENAMED = {
    "name": "title",
    "docs_url": "docs_path",
    "openapi_url": "openapi_path",
    "redoc_url": "docs_path",
    "max_body_size": "body_limit",
    "timeout": "handler_timeout_ms",
    "timeout_ms": "handler_timeout_ms",
    "on_startup": "lifespan",
    "on_shutdown": "lifespan",
    "dependencies": "arguments of the handlers",
    "redirect_slashes": 'trailing_slash="redirect"',
}
