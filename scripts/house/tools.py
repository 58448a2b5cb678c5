"""The tools that build and test Spikard, as one table, and how to find them. Standard library only."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import node, ruby
from .places import ROOT

RUST = (1, 95)
PYTHON = (3, 11)
NOX = (2026, 10, 20)


@dataclass(frozen=True)  # no slots: `doctor` also runs on a Python that is too old
class Tool:
    """One row: what to look for, which version is needed, what for, and the line that installs it."""

    name: str
    command: tuple[str, ...]
    needed: tuple[int, ...]
    purpose: str
    install: str
    optional: bool = False
    find: Callable[[Tool], str | None] | None = None

    def found(self) -> str | None:
        """The version that is there; "" when a tool is there that does not tell; None when it is missing."""
        return self.find(self) if self.find else of_command(self)

    def fits(self, found: str | None) -> bool:
        """Whether that version is new enough."""
        return found is not None and (not self.needed or numbers(found) >= self.needed)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def of_command(tool: Tool) -> str | None:
    """The first version number in what the command prints; it may exit with any code (wrk does)."""
    path = shutil.which(tool.command[0]) or beside_python(tool.command[0])
    if path is None:
        return None
    try:
        done = subprocess.run([path, *tool.command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if "not installed" in done.stderr:  # rustup's stand-in for a component that is missing
        return None
    match = re.search(r"\d+(?:\.\d+)+", done.stdout + done.stderr)
    return match.group() if match else ""


def beside_python(name: str) -> str | None:
    """nox, uv and maturin are in the private environment, which is not on PATH."""
    for folder in (Path(sys.executable).parent, ROOT / ".nox" / "bootstrap" / "bin"):
        if (folder / name).exists():
            return str(folder / name)
    return None


def this_python(_: Tool) -> str:
    return ".".join(str(part) for part in sys.version_info[:3])


def module_venv(_: Tool) -> str | None:
    try:
        import ensurepip  # noqa: F401  (Debian splits it off into python3-venv)
    except ImportError:
        return None
    return ""


def free_disk(_: Tool) -> str:
    """GiB that a build in this checkout may still fill."""
    return str(shutil.disk_usage(ROOT).free // 2**30)


def node_and_npm(_: Tool) -> str | None:
    place = node.folder()
    return node.version(place / "node") if place else node.version(Path(shutil.which("node") or "node"))


def ruby_headers(_: Tool) -> str | None:
    return ruby.headers()


def libclang(_: Tool) -> str | None:
    return ruby.libclang()


RUSTUP = "./scripts/bootstrap (or: rustup toolchain install stable --component clippy,rustfmt)"
CLEAN = "free some (./scripts/nox -s clean removes what was built here)"
APT = "apt-get install -y "
TOOLS = (
    Tool("python", (), PYTHON, "runs nox and the programs under scripts/", APT + "python3", find=this_python),
    Tool("venv", (), (), "environments of Python", APT + "python3-venv", find=module_venv),
    Tool("git", ("git", "--version"), (2,), "the checkout", APT + "git"),
    Tool("cc", ("cc", "--version"), (), "links Rust", APT + "build-essential"),
    Tool("cargo", ("cargo", "--version"), RUST, "builds the crates, the command, the wheel", RUSTUP),
    Tool("rustc", ("rustc", "--version"), RUST, "builds the crates, the command, the wheel", RUSTUP),
    Tool("rustfmt", ("rustfmt", "--version"), (), "lint, fmt", "rustup component add rustfmt"),
    Tool("clippy", ("cargo-clippy", "--version"), (), "lint", "rustup component add clippy"),
    Tool("nox", ("nox", "--version"), NOX, "runs the sessions", "./scripts/bootstrap"),
    Tool("uv", ("uv", "--version"), (), "makes the environments of the sessions", "./scripts/bootstrap"),
    Tool("maturin", ("maturin", "--version"), (1, 16), "builds the wheel", "./scripts/bootstrap"),
    Tool("node", (), node.NEEDED, "builds the npm package", "./scripts/bootstrap", find=node_and_npm),
    Tool("ruby", ("ruby", "--version"), ruby.NEEDED, "builds and tests the gem", APT + "ruby"),
    Tool("ruby-dev", (), (), "builds the gem: Ruby's headers", APT + "ruby-dev", find=ruby_headers),
    Tool("libclang", (), (), "builds the gem: reads those headers", APT + "libclang-dev", find=libclang),
    Tool("rspec", ("rspec", "--version"), (3,), "tests the gem", APT + "ruby-rspec"),
    Tool("php", ("php", "--version"), (8, 2), "runs PHP's apps and tests", APT + "php-cli"),
    Tool("php-config", ("php-config", "--version"), (8, 2), "builds the PHP extension", APT + "php-dev"),
    Tool("phpunit", ("phpunit", "--version"), (9,), "tests the PHP package", APT + "phpunit"),
    Tool("composer", ("composer", "--version"), (2,), "installs the PHP package", APT + "composer"),
    Tool("disk, GiB", (), (10,), "a first build with its tests", CLEAN, optional=True, find=free_disk),
    Tool("wrk", ("wrk", "--version"), (), "bench: load", APT + "wrk", optional=True),
    Tool("strace", ("strace", "--version"), (), "bench: counts system calls", APT + "strace", optional=True),
)
BY_NAME = {tool.name: tool for tool in TOOLS}


def missing(*names: str) -> list[Tool]:
    """Those of the named tools that are absent or too old."""
    return [tool for name in names if not (tool := BY_NAME[name]).fits(tool.found())]
