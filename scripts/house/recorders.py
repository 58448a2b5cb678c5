"""The recording apps of tests/recorders as commands, each with what it needs built and installed. Runs none of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from . import cargo, node, php
from .child import Failed, run
from .places import ROOT, STAMPS

TARGET = ROOT / "target" / cargo.FAST
APPS = ROOT / "tests" / "recorders"


def built(name: str, *what: str) -> Path:
    """One of Rust, copied away: the same crate with other features would take its place in target/."""
    run(f"recorder: {name}", cargo.command("build", *what), environment=cargo.environment())
    program = TARGET / "examples" / "echo_recorder" if "--example" in what else TARGET / "spikard-recorder"
    kept = STAMPS / f"recorder-{name}"
    STAMPS.mkdir(exist_ok=True)
    kept.unlink(missing_ok=True)
    shutil.copy2(program, kept)
    return kept


def installed(project: str) -> None:
    """What dist/ holds for a language, installed where it is tried."""
    if subprocess.run([sys.executable, ROOT / "scripts" / project], cwd=ROOT).returncode != 0:
        raise Failed(f"{project} failed, see above")


def commands() -> dict[str, str]:
    """One per language and per loop of TypeScript, for `ruby.environment()`; Python's is the one that runs this."""
    rust = built("rust", "-p", "spikard-recorder")
    for project in ("node-project", "php-project", "ruby-home"):
        installed(project)
    place = node.folder()
    app = node.PROJECT / "build" / "recorder" / "app.js"
    return {
        "rust": str(rust),
        "python": f"{sys.executable} {APPS / 'python' / 'app.py'}",
        "node": f"{place and node.program(place)} {app}",
        "node-threaded": f"env SPIKARD_NODE_LOOP=threaded {place and node.program(place)} {app}",
        "bun": f"{node.PROJECT / 'node_modules' / '.bin' / 'bun'} {app}",
        "deno": f"{node.PROJECT / 'node_modules' / '.bin' / 'deno'} run --allow-all {app}",
        "php": f"env PHP_INI_SCAN_DIR=:{php.INI} php {php.PROJECT / 'recorder' / 'app.php'}",
        "ruby": f"ruby {APPS / 'ruby' / 'app.rb'}",
    }
