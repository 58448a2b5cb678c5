"""Where things are in this checkout, and its version. Standard library only, so that `doctor` can use it."""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
STAMPS = ROOT / ".stamps"
CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def version() -> str:
    """The version of `[workspace.package]` in Cargo.toml, SemVer."""
    import tomllib  # here, so that `doctor` also runs on a Python that is too old

    return str(tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"])


def python_version() -> str:
    """The same in PEP 440: `1.2.0-rc.1` is `1.2.0rc1` there."""
    return pep440(version())


def pep440(semver: str) -> str:
    """SemVer as PEP 440; `alpha`, `beta` and `rc` are the pre-releases that both can say."""
    match = SEMVER.fullmatch(semver)
    if match is None:
        raise ValueError(f"{semver!r} is not a version; write 1.2.3 or 1.2.3-alpha.1, -beta.1, -rc.1")
    release, stage, number = match.groups()
    return release if stage is None else release + {"alpha": "a", "beta": "b", "rc": "rc"}[stage] + number


SEMVER = re.compile(r"(\d+\.\d+\.\d+)(?:-(alpha|beta|rc)\.(\d+))?")
