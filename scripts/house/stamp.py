"""Content stamps: whether a part was built from just these inputs, tools and flags. It looks at no clock."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .places import ROOT, STAMPS

PASSED_OVER = {"target", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".venv"}


def files(inputs: Iterable[str]) -> Iterator[Path]:
    """The files named by paths below the root, folders in full, without what tools leave behind; sorted."""
    for name in sorted(inputs):
        place = ROOT / name
        if place.is_dir():
            for path in sorted(place.rglob("*")):
                if path.is_file() and not PASSED_OVER.intersection(path.parts) and path.suffix not in {".pyc", ".so"}:
                    yield path
        elif place.exists():
            yield place


def digest(inputs: Iterable[str], facts: Iterable[str]) -> str:
    """One hash over names and contents of the inputs and over the facts (versions of tools, flags)."""
    total = hashlib.sha256("\0".join(facts).encode())
    for path in files(inputs):
        total.update(f"\0{path.relative_to(ROOT)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def matches(name: str, wanted: str) -> list[Path] | None:
    """The artifacts of that stamp when it has this digest and they are all still there, unchanged in size."""
    try:
        stamp = json.loads((STAMPS / f"{name}.json").read_text())
        artifacts = {ROOT / path: size for path, size in stamp["artifacts"].items()}
        same = stamp["digest"] == wanted and all(path.stat().st_size == size for path, size in artifacts.items())
    except (OSError, ValueError, KeyError):
        return None
    return list(artifacts) if same else None


def artifacts_of(name: str) -> list[Path]:
    """What the last build of that name left, whatever it was built from."""
    try:
        return [ROOT / path for path in json.loads((STAMPS / f"{name}.json").read_text())["artifacts"]]
    except (OSError, ValueError, KeyError):
        return []


def write(name: str, wanted: str, artifacts: Iterable[Path]) -> None:
    sizes = {str(path.relative_to(ROOT)): path.stat().st_size for path in artifacts}
    (STAMPS / f"{name}.json").write_text(json.dumps({"digest": wanted, "artifacts": sizes}, indent=2))


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Sessions may run side by side (`nox -j auto`); the second one that wants a part waits and finds it built."""
    STAMPS.mkdir(exist_ok=True)
    with open(STAMPS / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
