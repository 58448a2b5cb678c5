"""The one way in which Cargo is called here: same profile, same environment, so that no crate is compiled twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .places import CI

FAST, RELEASE = "fast", "release"
TAKES_PROFILE = {"build", "check", "clippy", "test", "run", "doc", "bench"}


def command(verb: str, *arguments: str, profile: str = FAST) -> list[str]:
    """`cargo VERB` with the shared profile where the verb has one; arguments after `--` stay behind."""
    chosen = ["--profile", profile] if verb in TAKES_PROFILE else []
    locked = [] if verb == "fmt" else ["--locked"]
    return ["cargo", verb, *chosen, *locked, *arguments]


def environment(python: Path | None = None) -> dict[str, str]:
    """
    What maturin sets for PyO3's build script, set for every call of Cargo: the script runs again, and PyO3 with
    everything above it is compiled again, whenever one of these changes.
    """
    python = python or base_python()
    return {
        **os.environ,
        "PATH": f"{os.environ.get('PATH', '')}{os.pathsep}{cargo_bin()}",
        "PYO3_PYTHON": str(python),
        "PYO3_ENVIRONMENT_SIGNATURE": signature(python),
        "PYO3_BUILD_EXTENSION_MODULE": "1",
        # Every crate is compiled once there: what a second time could begin with would only fill the disk.
        **({"CARGO_INCREMENTAL": "0"} if CI else {}),
    }


def cargo_bin() -> Path:
    return Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo") / "bin"


def base_python() -> Path:
    """The interpreter below this environment: the same for every session, whichever environment it runs in."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()


def signature(python: Path) -> str:
    if python == base_python():
        return SIGNATURE.format(version=sys.version_info, bits=64 if sys.maxsize > 2**32 else 32)
    probe = "import sys; print(sys.version_info[0], sys.version_info[1], 64 if sys.maxsize > 2**32 else 32)"
    major, minor, bits = subprocess.run(
        [python, "-c", probe], capture_output=True, text=True, check=True
    ).stdout.split()
    return f"cpython-{major}.{minor}-{bits}bit"


SIGNATURE = "cpython-{version.major}.{version.minor}-{bits}bit"
