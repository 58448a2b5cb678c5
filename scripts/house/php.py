"""The PHP that builds and tests the extension, and the project in which they are tried. Standard library only."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from pathlib import Path

from .places import ROOT, STAMPS

PROJECT = STAMPS / "php"  # where what was built is installed and tried
INI = PROJECT / "conf"  # its spikard.ini loads the extension by its path, in child processes too


def environment(base: dict[str, str] | None = None) -> dict[str, str]:
    """Every `php` below loads the extension of the project; Composer asks nobody."""
    base = dict(os.environ) if base is None else base
    quiet = {"COMPOSER_DISABLE_NETWORK": "1", "COMPOSER_ALLOW_SUPERUSER": "1", "COMPOSER_NO_INTERACTION": "1"}
    return base | quiet | {"PHP_INI_SCAN_DIR": f":{INI}", "COMPOSER_HOME": str(PROJECT / "composer")}


@cache
def kind() -> str:
    """What an extension must fit: `php8.2-nts-linux-x86_64`; empty without a PHP."""
    probe = "echo PHP_MAJOR_VERSION, '.', PHP_MINOR_VERSION, ZEND_THREAD_SAFE ? '-zts' : '-nts';"
    try:
        done = subprocess.run(["php", "-n", "-r", probe], cwd=ROOT, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return f"php{done.stdout.strip()}-linux-{platform.machine()}"


def extension(folder: Path, version: str) -> Path:
    return folder / f"spikard-{version}-{kind()}.so"
