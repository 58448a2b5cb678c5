"""Runs child processes: progress in a terminal, plain lines elsewhere, and a failure that can be repeated by hand."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from .places import ROOT

try:
    from rich.console import Console
    from rich.text import Text
except ModuleNotFoundError:
    sys.exit(
        "rich is not in this environment; run the session by ./scripts/nox, or .nox/bootstrap/bin/python scripts/..."
    )

TAIL = 25
console = Console(highlight=False)  # honours NO_COLOR and a pipe
if not console.is_terminal:
    console.width = 160  # a log has no edge


class Failed(Exception):
    """A child ended with another code than 0; the message holds its last lines and how to repeat it."""


def run(title: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path = ROOT) -> None:
    """Run to the end, showing the newest line while it works. Raises `Failed`."""
    tail: deque[str] = deque(maxlen=TAIL)
    child = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert child.stdout is not None
    try:
        if console.is_terminal:
            with console.status(title) as status:
                for line in child.stdout:
                    tail.append(line.rstrip())
                    status.update(Text(f"{title}: {line.strip()[: console.width - len(title) - 8]}"))
        else:
            console.print(f"{title} …")
            tail.extend(line.rstrip() for line in child.stdout)
    except BaseException:
        child.terminate()
        raise
    finally:
        code = child.wait()
    if code != 0:
        raise Failed(
            f"{title} failed with code {code}:\n{indent(tail)}\n  repeat: {repeat(command, environment, folder)}"
        )


def indent(lines: Sequence[str] | deque[str]) -> str:
    return "\n".join(f"  | {line}" for line in lines)


def repeat(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> str:
    """The shell line that does the same: only what differs from the caller's environment is spelled out."""
    differs = [
        f"{name}={shlex.quote(v)}"
        for name, v in sorted(environment.items())
        if os.environ.get(name) != v and name != "PATH"
    ]
    place = [] if folder == ROOT else ["cd", shlex.quote(str(folder.relative_to(ROOT))), "&&"]
    return " ".join([*place, *differs, shlex.join(command)])
