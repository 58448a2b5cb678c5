"""Recording app: a user program that serves any contract with one handler and tells what the handler saw.

The handler is of the kind that the command line names: `async` (an `async def`, the default), `def`, or `blocking` (a
`def` in a thread). A `def` on the loop does not wait, so that kind lacks the cases whose handler does.
Protocol (JSON lines on standard input and output): tests/recorders/README.md.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import spikard
from spikard import Auth, Problem, RateLimit, Request, Response, Router, Spikard
from spikard.hooks import MOMENTS

PROBLEMS: dict[str, type[Problem]] = {
    value.code: value
    for value in vars(spikard).values()
    if isinstance(value, type) and issubclass(value, Problem) and value is not Problem
}


class Recording:
    """What to answer and what was seen; shared by the control thread and the handlers."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reply: dict[str, Any] = {}
        self.hooks: dict[str, dict[str, Any]] = {}
        self.ran: list[str] = []
        self.seen: dict[str, Any] = {"called": 0}

    def prepare(self, reply: dict[str, Any], hooks: dict[str, Any]) -> None:
        with self.lock:
            self.reply, self.hooks, self.ran, self.seen = reply, hooks, [], {"called": 0}

    def run(self, hook: str) -> dict[str, Any]:
        """Notes that a hook ran; what it is to do."""
        with self.lock:
            self.ran.append(hook)
            return self.hooks.get(hook, {})

    def record(self, seen: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.seen = seen | {"called": self.seen["called"] + 1}
            return self.reply

    def observed(self) -> dict[str, Any]:
        with self.lock:
            return self.seen | {"hooks": self.ran}


def tag(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {"null": None}
        case bool():
            return {"bool": value}
        case int():
            return {"int": str(value)}
        case float():
            return {"float": repr(value)}
        case str():
            return {"str": value}
        case bytes():
            return {"bytes": base64.b64encode(value).decode()}
        case list() | tuple():
            return {"list": [tag(item) for item in value]}
        case Mapping():
            return {"object": {str(key): tag(item) for key, item in value.items()}}
    raise TypeError(f"a handler was given a {type(value).__name__}")


def content(request: Request) -> dict[str, Any]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json" or media_type.endswith("+json"):
        return tag(request.json())
    if media_type.startswith("text/"):
        return tag(request.text())
    return tag(request.body)


def handler(operation: str, recording: Recording, kind: str) -> Callable[[Request], Any]:
    def record(request: Request) -> dict[str, Any]:
        seen: dict[str, Any] = {
            "operation": operation,
            "query": {name: tag(value) for name, value in request.query.items()},
            "path": {name: tag(value) for name, value in request.path_params.items()},
            "headers": {name.lower(): tag(value) for name, value in request.header_params.items()},
            "cookies": {name: tag(value) for name, value in request.cookie_params.items()},
        }
        if request.body:
            seen["body"] = content(request)
        if hasattr(request.state, "kept"):
            seen["kept"] = request.state.kept
        if request.principal is not None:
            of = request.principal
            seen["principal"] = {"scheme": of.scheme, "subject": of.subject, "scopes": of.scopes, "claims": of.claims}
        return recording.record(seen)

    async def waits(request: Request) -> Any:
        reply = record(request)
        if "delay_ms" in reply:
            await asyncio.sleep(reply["delay_ms"] / 1000)
        return answer(reply)

    def blocks(request: Request) -> Any:
        reply = record(request)
        time.sleep(reply.get("delay_ms", 0) / 1000)
        return answer(reply)

    handle = waits if kind == "async" else blocks
    handle.__name__ = operation
    return handle


def answer(reply: dict[str, Any]) -> Any:
    if "problem" in reply:
        wanted = reply["problem"]
        kind = PROBLEMS.get(wanted["code"], Problem)
        own = (
            {} if kind is not Problem else {"code": wanted["code"], "status": wanted["status"], "title": wanted["code"]}
        )
        raise kind(wanted.get("detail", ""), headers=map(tuple, wanted.get("headers", [])), **own)
    if "raise" in reply:
        raise RuntimeError(reply["raise"])
    if "value" in reply:
        return reply["value"]
    body: Any = None
    if "json" in reply:
        body = reply["json"] if not isinstance(reply["json"], str | None) else json.dumps(reply["json"]).encode()
    elif "text" in reply:
        body = reply["text"]
    elif "base64" in reply:
        body = base64.b64decode(reply["base64"])
    content_type = reply.get("content_type") or ("application/json" if "json" in reply else None)
    headers = [(name, value) for name, value in reply.get("headers", [])]
    return Response(body, status=reply["status"], headers=headers, content_type=content_type)


def hook(name: str, recording: Recording, kind: str) -> Callable[..., Any]:
    def run(request: Request, *more: Any) -> Any:
        if request.path == "/health/live":
            return None
        do = recording.run(name)
        if "keep" in do:
            request.state.kept = do["keep"]
        if "remove_header" in do:
            request.remove_header(do["remove_header"])
        if "set_header" in do:
            request.set_header(*do["set_header"])
        if "add_header" in do:
            request.add_header(*do["add_header"])
        if "set_query" in do:
            request.set_query_string(do["set_query"])
        if "set_body" in do:
            request.set_body(do["set_body"].encode())
        if "response" in do:
            edit(more[0], do["response"])
        return answer(do["reply"]) if "reply" in do else None

    async def waits(request: Request, *more: Any) -> Any:
        await asyncio.sleep(0)
        return run(request, *more)

    return waits if kind == "async" else run


def edit(response: Response[Any], wanted: dict[str, Any]) -> None:
    response.status = wanted.get("status", response.status)
    if "header" in wanted:
        response.headers.append(tuple(wanted["header"]))
    if "text" in wanted:
        response.content = wanted["text"]


def register_hooks(routes: Spikard | Router, names: Iterable[str], recording: Recording, kind: str) -> None:
    for name in names:
        for moment in MOMENTS:
            getattr(routes, moment)(hook(f"{name}.{moment}", recording, kind))


def contents(of: Mapping[str, Any]) -> dict[str, Any]:
    return {media: described.get("schema", True) for media, described in of.get("content", {}).items()}


def policy(of: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {{"handler_timeout_ms": "timeout_ms"}.get(name, name): value for name, value in of.items()}
    if "auth" in renamed:
        renamed["auth"] = [Auth(way) for way in renamed["auth"]]
    if "rate_limit" in renamed:
        renamed["rate_limit"] = [RateLimit(**limit) for limit in renamed["rate_limit"]]
    return renamed


def register(routes: Spikard | Router, of: Mapping[str, Any], recording: Recording, kind: str) -> None:
    for path, item in of.get("paths", {}).items():
        for method, operation in item.items():
            options = policy(operation.get("x-spikard-policy", {}))
            if "x-spikard-status" in operation:
                options["status"] = operation["x-spikard-status"]
            for moment in MOMENTS:
                names = operation.get("x-spikard-hooks", [])
                options[moment] = [hook(f"{name}.{moment}", recording, kind) for name in names]
            body = operation.get("requestBody")
            routes.add_route(
                method.upper(),
                path,
                handler(operation["operationId"], recording, kind),
                parameters=operation.get("parameters", []),
                body=body and {"content": contents(body), "required": body.get("required", False)},
                responses={
                    status: {"description": said.get("description", ""), "content": contents(said)}
                    for status, said in operation.get("responses", {}).items()
                },
                operation_id=operation["operationId"],
                blocking=kind == "blocking",
                **options,
            )
    for files in of.get("x-spikard-files", []):
        routes.files(**files)
    for group in of.get("x-spikard-groups", []):
        router = Router(group["prefix"], tags=group.get("tags", []), **policy(group.get("policy", {})))
        inner = {
            "paths": group.get("paths", {}),
            "x-spikard-groups": group.get("groups", []),
            "x-spikard-files": group.get("files", []),
        }
        register_hooks(router, group.get("hooks", []), recording, kind)
        register(router, inner, recording, kind)
        routes.include(router)


def build(contract: Mapping[str, Any], config: Mapping[str, Any], recording: Recording, kind: str = "async") -> Spikard:
    info, schemas = contract["info"], contract.get("components", {}).get("schemas", {})
    app = Spikard(
        title=info["title"],
        version=info["version"],
        schemas=schemas,
        **policy(contract.get("x-spikard-policy", {})),
        **config,
    )
    register_hooks(app, contract.get("x-spikard-hooks", []), recording, kind)
    register(app, contract, recording, kind)
    return app


def say(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def listen(recording: Recording) -> None:
    """Follows the runner until it says stop or goes away."""
    for line in sys.stdin:
        told = json.loads(line)
        if "stop" in told:
            break
        if "case" in told:
            recording.prepare(told["reply"], told["hooks"])
        say({"ok": True} if "case" in told else recording.observed())
    os._exit(0)


def main() -> None:
    kind = sys.argv[1] if len(sys.argv) > 1 else "async"
    recording = Recording()
    start = json.loads(sys.stdin.readline())["start"]
    app = build(start["contract"], start["config"], recording, kind)
    app.freeze()
    say({"ready": True, "lacks": ["handlers that wait"] if kind == "def" else []})
    threading.Thread(target=listen, args=[recording], daemon=True).start()
    app.run()


if __name__ == "__main__":
    main()
