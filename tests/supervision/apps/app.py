"""What the supervisor's tests serve: its process, and answers that are held back until a file appears."""

import asyncio
import json
import os
import time
from pathlib import Path

from spikard import Spikard

app = Spikard(title="Supervised")
GATE = Path(os.environ["GATE"])


@app.get("/pid")
def pid() -> str:
    return str(os.getpid())


@app.get("/held")
async def held() -> str:
    while not GATE.exists():
        await asyncio.sleep(0.1)
    return pid()


@app.get("/blocked")
async def blocked() -> str:
    wait_for_ever()
    return pid()


def wait_for_ever() -> None:
    while not GATE.exists():
        time.sleep(0.01)


if __name__ == "__main__":
    app.run(**json.loads(os.environ["RUN"]))
