"""Finds the Pythons that are installed: on PATH, by pyenv, by uv. Downloads none; standard library only."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .tools import PYTHON, numbers

# `python3.12` there names an interpreter; on PATH it may be pyenv's stand-in, which starts only what is "global".
TEST = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2], sys.executable)"


def search_path() -> str:
    """PATH and after it the folders in which pyenv and uv keep interpreters that are new enough, newest first."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    folders = [
        str(folder)
        for root in (pyenv, uv)
        for folder in sorted(root.glob("*/bin"), key=version_of, reverse=True)
        if version_of(folder) >= PYTHON
    ]
    known = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join([*known, *(folder for folder in folders if folder not in known)])


def version_of(folder: Path) -> tuple[int, ...]:
    """(3, 13, 10) of `3.13.10/bin` and of `cpython-3.13.10-linux-…/bin`."""
    return numbers(folder.parent.name)[:3]


def find(wanted: str) -> Path | None:
    """An interpreter that can make environments, by version (`3.12`) or path."""
    if os.sep in wanted:
        return Path(wanted).absolute() if Path(wanted).is_file() else None
    for folder in search_path().split(os.pathsep):
        candidate = Path(folder) / f"python{wanted}"
        if candidate.is_file() and (found := ask(candidate)) and found[0] == wanted:
            return Path(found[1]).resolve()
    return None


def ask(candidate: Path) -> list[str] | None:
    """Version and true path of an interpreter; None when it does not start or lacks what environments need."""
    try:
        said = subprocess.run([candidate, "-c", TEST], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.strip().split(maxsplit=1) if said.returncode == 0 else None
