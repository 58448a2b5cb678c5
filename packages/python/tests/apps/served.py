"""The app that `test_serving.py` starts in a process of its own."""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import aiosqlite
import httpx
import msgspec

from spikard import Cookie, Request, Spikard


async def lifespan(app: Spikard) -> AsyncIterator[None]:
    app.state.ended = asyncio.Event()
    app.state.signalled = asyncio.Event()
    app.state.started = asyncio.Event()
    yield
    print("lifespan over", flush=True)


app = Spikard(title="Served", lifespan=lifespan)
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Item(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    price: float


@app.get("/pid")
def pid() -> int:
    return os.getpid()


@app.get("/users/{id}")
async def user(id: int, q: str = "", session: Annotated[str | None, Cookie()] = None) -> dict[str, Any]:
    return {"id": id, "q": q, "session": session}


@app.post("/items")
async def create(item: Item) -> Item:
    return item


@app.get("/suspended")
async def suspended() -> dict[str, bool]:
    await asyncio.sleep(0)
    return {"ok": True}


@app.get("/hang", hard_cancel=True)
async def hang() -> str:
    app.state.started.set()
    try:
        await asyncio.Event().wait()
    finally:
        app.state.ended.set()
    return "never"


@app.get("/signal")
async def signal(request: Request) -> str:
    app.state.started.set()
    await request.wait_disconnected()
    if request.disconnected:
        app.state.signalled.set()
    return "nobody reads this"


@app.get("/started")
async def started() -> bool:
    async with asyncio.timeout(5):
        await app.state.started.wait()
    app.state.started.clear()
    return True


@app.get("/ended")
async def ended() -> bool:
    async with asyncio.timeout(5):
        await app.state.ended.wait()
    return True


@app.get("/signalled")
async def signalled() -> bool:
    async with asyncio.timeout(5):
        await app.state.signalled.wait()
    return True


@app.get("/slow")
async def slow() -> str:
    app.state.started.set()
    await asyncio.sleep(0.2)
    return "finished"


@app.get("/context")
async def context(value: str) -> list[str]:
    before = variable.get()
    variable.set(value)
    await asyncio.sleep(0.001)
    return [before, variable.get()]


@app.get("/asyncio")
async def semantics() -> dict[str, bool]:
    task = asyncio.current_task()
    try:
        async with asyncio.timeout(0.005):
            await asyncio.Event().wait()
        timed_out = False
    except TimeoutError:
        timed_out = True
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asyncio.sleep(0.001, number)) for number in range(3)]
    return {
        "task": task is not None and task is asyncio.current_task(),
        "timeout": timed_out,
        "group": [task.result() for task in tasks] == [0, 1, 2],
        "thread": await asyncio.to_thread(threading.get_ident) != threading.get_ident(),
    }


@app.get("/libraries")
async def libraries(request: Request) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        fetched = (await client.get(f"http://{request.headers['host']}/pid")).json()
    async with aiosqlite.connect(":memory:") as db, db.execute("SELECT 6 * 7") as cursor:
        row = await cursor.fetchone()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(3)", stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return {"http": fetched == os.getpid(), "sqlite": list(row or ()), "subprocess": output.decode().strip()}


@app.get("/blocking", blocking=True)
def blocking() -> bool:
    time.sleep(0.001)
    return threading.current_thread() is not threading.main_thread()


@app.get("/spin")
def spin() -> str:
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass
    return "spun"


if __name__ == "__main__":
    app.run(port=0)
