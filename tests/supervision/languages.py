"""
What the supervisor's tests must know of each language: where its package is installed, how its programs are started,
and what it says when it fails. Tests nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from house import node, php, ruby
from house.places import ROOT, STAMPS

APPS = Path(__file__).parent / "apps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """One row of the table."""

    name: str
    app: str
    """File of `apps/`."""
    environment: Callable[[], Mapping[str, str]]
    spikard: tuple[str, ...]
    """The command of the installed package."""
    program: tuple[str, ...]
    """What runs a file that serves itself."""
    home: Path = STAMPS
    """Folder below which an app finds the package."""
    install: str | None = None
    """Program of scripts/ that installs the package of dist/."""
    broken: str
    """A file that does not load,"""
    told: tuple[str, ...]
    """and what the language says of it."""
    traceback: tuple[str, ...] = ()
    """What a worker shows that does not turn its loop; nothing where its host has no way to."""
    note: str = ""
    """What the command says before all else, once, where the interpreter is not set up as it should be."""


def interpreter() -> str:
    place = node.folder()
    return str(node.program(place)) if place else "node"


LANGUAGES = (
    Language(
        name="python",
        app="app.py",
        environment=lambda: os.environ,
        spikard=(sys.executable, "-m", "spikard"),
        program=(sys.executable,),
        broken="import nothing_like_this\n",
        told=('File "app.py", line 1', "No module named 'nothing_like_this'"),
        traceback=("in wait_for_ever", "app.py"),
    ),
    Language(
        name="node",
        app="app.mjs",
        environment=node.environment,
        spikard=(str(node.PROJECT / "node_modules" / ".bin" / "spikard"),),
        program=(interpreter(),),
        home=node.PROJECT,
        install="node-project",
        broken='import "nothing-like-this";\n',
        told=("Cannot find package 'nothing-like-this'", "app.mjs"),
        traceback=("app.mjs:",),
    ),
    Language(
        name="ruby",
        app="app.rb",
        environment=ruby.environment,
        spikard=(str(ruby.HOME / "bin" / "spikard"),),
        program=("ruby",),
        install="ruby-home",
        broken='require "nothing_like_this"\n',
        told=("app.rb:1", "cannot load such file -- nothing_like_this"),
        traceback=("SIGQUIT", "app.rb:17:in"),
    ),
    Language(
        name="php",
        app="app.php",
        environment=php.environment,
        spikard=("php", str(php.PROJECT / "vendor" / "bin" / "spikard")),
        program=("php",),
        home=php.PROJECT,
        install="php-project",
        broken="<?php\nnothing_like_this();\n",
        told=("Call to undefined function nothing_like_this()", "app.php:2"),
        traceback=("SIGQUIT at ", "app.php"),
        note="spikard: memory_limit is not set: each worker has 256M"
        " (set another in php.ini, or with ini_set() in the program)\n",
    ),
)


def install(language: Language) -> None:
    """Installs what was built, unless it is there."""
    if language.install is not None:
        subprocess.run([sys.executable, str(ROOT / "scripts" / language.install)], cwd=ROOT, check=True)
