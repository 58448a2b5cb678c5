"""The JSON Schema that AsyncAPI publishes, as npm has it. Judges nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from house import node
from house.places import CI, STAMPS

MANIFEST = Path(__file__).parent / "package.json"
PROJECT = STAMPS / "documents"
SCHEMA = PROJECT / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"


def asyncapi() -> dict[str, Any]:
    """Installed unless it is there; a machine without npm, or without a registry, skips what needs it, CI does not."""
    kept = PROJECT / MANIFEST.name
    if not SCHEMA.is_file() or kept.read_text() != MANIFEST.read_text():
        PROJECT.mkdir(parents=True, exist_ok=True)
        shutil.copy(MANIFEST, kept)
        command = ["npm", "install", "--ignore-scripts", "--no-package-lock"]
        try:
            subprocess.run(command, cwd=PROJECT, env=node.environment(), check=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as error:
            if CI:
                raise
            pytest.skip(f"the schema of AsyncAPI is not to be had: {error}")
    schema: dict[str, Any] = json.loads(SCHEMA.read_text())
    return schema
