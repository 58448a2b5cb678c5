"""Hooks: functions that run at one moment of every request. Registers none and calls none."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, get_args

from spikard.request import wrapper
from spikard.route import Argument, Call, Mistake, place, underlying

Moment = Literal["on_request", "pre_validation", "pre_handler", "on_response", "on_error"]
MOMENTS: tuple[Moment, ...] = get_args(Moment)
HookFunction = Callable[..., Any]


class HookOptions(TypedDict, total=False):
    """Hooks as keywords of a route: a function, or several, in order."""

    on_request: HookFunction | Iterable[HookFunction]
    """`(request)`: the head is here, the body is not read yet."""
    pre_validation: HookFunction | Iterable[HookFunction]
    """`(request)`: the body is here, nothing is validated yet."""
    pre_handler: HookFunction | Iterable[HookFunction]
    """`(request)`: everything is valid, the handler is next."""
    on_response: HookFunction | Iterable[HookFunction]
    """`(request, response)`: a response, to be edited or replaced."""
    on_error: HookFunction | Iterable[HookFunction]
    """`(request, problem)`: what went wrong, before it is a response."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook as the user wrote it."""

    at: Moment
    function: HookFunction

    def spec(self, handler: int) -> dict[str, Any]:
        """Its HookSpec; `handler` is the index of its call."""
        file, line = place(self.function)
        declared = {
            "name": getattr(self.function, "__name__", type(self.function).__name__),
            "file": file,
            "line": line,
        }
        return {"at": self.at, "handler": handler, "declared": declared}

    def call(self) -> Call:
        """How it is called. Raises Mistake."""
        takes = TAKES[self.at]
        file, line = place(self.function)
        try:
            inspect.signature(self.function).bind(*takes)
        except TypeError as error:
            shown = f"def {getattr(self.function, '__name__', 'hook')}({', '.join(takes)}):"
            where = f"{file}:{line}: " if file else ""
            raise Mistake(f"{where}{self.at} hook: {error}; write `{shown}`") from None
        arguments = [Argument("request", convert=wrapper(()))] + [Argument(source) for source in takes[1:]]
        is_async = inspect.iscoroutinefunction(underlying(self.function))
        return Call(self.function, "async" if is_async else "sync", arguments, [], False)


TAKES: Mapping[Moment, tuple[Literal["request", "response", "problem"], ...]] = {
    "on_request": ("request",),
    "pre_validation": ("request",),
    "pre_handler": ("request",),
    "on_response": ("request", "response"),
    "on_error": ("request", "problem"),
}


def of_options(options: Mapping[str, Any]) -> list[Hook]:
    """The hooks among the keywords of a route, moment by moment."""
    found = []
    for at in MOMENTS:
        given = options.get(at) or ()
        found += [Hook(at, function) for function in ([given] if callable(given) else given)]
    return found
