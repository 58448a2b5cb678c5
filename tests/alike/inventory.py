"""The example app behind one port: one story in each language and in their mix, many clients at
once, and a fuzzer. Each check gives what is wrong, one line each.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from alike.service import Service
from alike.sight import Sight, differences
from alike.story import BOLT, tell

CLIENTS = 8
CHANGES = 25  # of each client
PATIENCE = 30.0
FUZZ_LIMIT = 240.0
CONFIG = Path(__file__).with_name("schemathesis.toml")


def same_story(commands: Mapping[str, str]) -> list[str]:
    """Told to each language alone, and to all of them in turns, as often as there are languages."""
    told: dict[str, list[tuple[str, Sight]]] = {}
    for language, command in commands.items():
        with Service({language: command}) as service:
            told[language] = list(tell(service))
    for turn, language in enumerate(commands):
        with Service(commands) as service:
            told[f"the mix from {language} on"] = list(tell(service, turn))
    wrong = []
    for index, (step, _) in enumerate(next(iter(told.values()))):
        found = differences({where: steps[index][1] for where, steps in told.items()})
        wrong += [f"{step}: {line}" for line in found]
    return wrong


def nothing_lost(commands: Mapping[str, str]) -> list[str]:
    """Clients change one item at once, each only what it has seen: no change is lost, whichever worker wrote it."""
    with Service(commands) as service:
        service.until_ready()
        status, _, _ = call(service.port, "POST", "/items", BOLT | {"quantity": 0})
        if status != 201:
            return [f"POST /items answers {status}: {service.log}"]
        with ThreadPoolExecutor(CLIENTS) as pool:
            wrong = [line for found in pool.map(change, [service.port] * CLIENTS) for line in found]
        _, _, item = call(service.port, "GET", "/items/1")
        if item.get("quantity") != CLIENTS * CHANGES:
            wrong.append(f"{item.get('quantity')} of {CLIENTS * CHANGES} changes are in the item")
        if wrong:
            wrong.append(service.log)
        codes = service.close()
    return wrong + ([f"the workers ended with {codes}"] if any(codes) else [])


def change(port: int) -> list[str]:
    """Adds one to a quantity, again and again; a change that came too late is tried again."""
    done = 0
    while done < CHANGES:
        _, etag, item = call(port, "GET", "/items/1")
        changed = {name: item[name] for name in BOLT} | {"quantity": item["quantity"] + 1}
        status, _, answer = call(port, "PUT", "/items/1", changed, etag)
        if status not in (200, 412):
            return [f"PUT /items/1 answers {status}: {answer}"]
        done += status == 200
    return []


def call(port: int, method: str, target: str, body: object = None, etag: str = "") -> tuple[int, str, dict[str, Any]]:
    """Status, ETag and JSON of an answer, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {"content-type": "application/json"} | ({"if-match": etag} if etag else {})
    connection.request(method, target, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, response.getheader("etag", ""), answer


def fuzzed(commands: Mapping[str, str], examples: int) -> list[str]:
    """Schemathesis finds nothing: every answer is one that the document has."""
    with Service(commands) as service:
        service.until_ready()
        # A connection for each request: those of one connection all go to one worker.
        st = [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "--config-file",
            str(CONFIG),
            "run",
            f"http://127.0.0.1:{service.port}/openapi.json",
        ]
        options = ["--checks", "all", "--max-examples", str(examples), "--seed", "7", "--generation-deterministic"]
        options += ["--header", "Connection: close", "--no-color", "--wait-for-schema", "20"]
        # Beside the database: it leaves a folder where it runs.
        done = subprocess.run([*st, *options], cwd=service.folder, capture_output=True, text=True, timeout=FUZZ_LIMIT)
        return [] if done.returncode == 0 else [*done.stdout.splitlines()[-80:], done.stderr, service.log]
