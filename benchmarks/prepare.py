"""Everything the comparison needs: an interpreter that all peers support, the peers, Spikard as released, axum.

django-bolt needs Python 3.12. Where no such interpreter is found, a Debian trixie folder made by debootstrap
holds it, and the Python servers run in there (root needed). Usage: `prepare.py FOLDER`; then runs `run.py`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS = ["django-bolt", "granian", "fastapi", "uvicorn[standard]", "msgspec"]
MIRROR = "SPIKARD_DEBIAN_MIRROR"


def main() -> int:
    """Prepares in the given folder and measures."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="Further options go to run.py; see its --help.")
    parser.add_argument("folder", type=Path, help="where environments and wheels are kept")
    known, options = parser.parse_known_args()
    folder = known.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    python = interpreter()
    place = [python] if python else trixie(folder / "trixie")
    venv = python_side(place, folder)
    rust = rust_side()
    command = [sys.executable, str(HERE / "run.py"), "--python", venv, "--rust", str(rust)]
    return subprocess.run([*command, "--write", str(ROOT / "docs/performance.md"), *options]).returncode


def interpreter() -> str | None:
    """The newest CPython from 3.12 on that can make virtual environments."""
    names = [f"python3.{minor}" for minor in (14, 13, 12)]
    pyenv = sorted(Path.home().glob(".pyenv/versions/3.1[234]*/bin/python"), reverse=True)
    for candidate in [*filter(None, map(shutil.which, names)), *map(str, pyenv)]:
        test = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))"
        if subprocess.run([candidate, "-c", test], capture_output=True).returncode == 0:
            return candidate
    return None


def trixie(folder: Path) -> list[str]:
    """A Debian 13 with Python 3.13 and what the wheel needs to be built; returns the command of its interpreter."""
    if not (folder / "usr/bin/python3").exists():
        packages = "python3,python3-venv,python3-dev,gcc,libc6-dev,ca-certificates"
        mirror = [os.environ[MIRROR]] if MIRROR in os.environ else []
        run(["debootstrap", "--variant=minbase", f"--include={packages}", "trixie", str(folder), *mirror])
    for shared in (Path("/proc"), ROOT, Path.home() / ".cargo", Path.home() / ".rustup", Path("/etc/ssl/certs")):
        target = folder / str(shared).lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        if not target.is_mount():
            run(["mount", "--bind", str(shared), str(target)])
    return ["chroot", str(folder), "/usr/bin/python3"]


def python_side(python: list[str], folder: Path) -> str:
    """A virtual environment with the peers and the released wheel; returns the command of its interpreter."""
    venv = folder / "python"
    inside = [*python[:-1], str(venv / "bin/python")]
    if not (venv / "bin/python").exists():
        run([*python, "-m", "venv", str(venv)])
    run([*inside, "-m", "pip", "install", "--quiet", "--upgrade", "maturin", *PEERS])
    wheels = folder / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    build = ["maturin", "build", "--release", "--interpreter", inside[-1], "--out", str(wheels)]
    # In the package's folder, because the root's pyproject.toml builds nothing. A chroot starts in its root.
    here = f"os.chdir({str(ROOT / 'packages/python')!r})"
    start = f"import os, runpy, sys; {here}; sys.argv = {build!r}; runpy.run_module('maturin', run_name='__main__')"
    run([*inside, "-c", start])
    wheel = next(wheels.glob("*.whl"))
    run([*inside, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", str(wheel)])
    return " ".join(inside)


def rust_side() -> Path:
    """The two native servers, built as released; returns their folder."""
    target = ROOT / "target/benchmark"
    manifest = HERE / "rust/Cargo.toml"
    run(["cargo", "build", "--release", "--manifest-path", str(manifest), "--target-dir", str(target)])
    return target / "release"


def run(command: list[str], folder: Path = ROOT) -> None:
    """Runs a step and says which."""
    print("$ " + " ".join(command), file=sys.stderr)
    subprocess.run(command, cwd=folder, check=True)


if __name__ == "__main__":
    sys.exit(main())
