"""Lays out the files that a contract lists (`x-spikard-tree`) in a folder that lives as long as the program."""

from __future__ import annotations

import atexit
import base64
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

TREE = "x-spikard-tree"
MODIFIED = 784_111_777
"""When every file changed last: Sun, 06 Nov 1994 08:49:37 GMT."""


def lay_out(document: dict[str, Any]) -> dict[str, Any]:
    """The contract with the roots of its files made absolute; one without a tree is given back."""
    if TREE not in document:
        return document
    folder = Path(tempfile.mkdtemp(prefix="spikard-files-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name, content in document[TREE].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict) and "link" in content:
            path.symlink_to(content["link"])
            continue
        path.write_bytes(_bytes(content))
        os.utime(path, (MODIFIED, MODIFIED))
    return {key: _rooted(value, folder) if key != TREE else value for key, value in document.items()}


def _bytes(content: Any) -> bytes:
    if isinstance(content, str):
        return content.encode()
    if "base64" in content:
        return base64.b64decode(content["base64"])
    text: str = content["text"] * content["times"]
    return text.encode()


def _rooted(value: Any, folder: Path) -> Any:
    """Every list of files with absolute roots, in groups too."""
    if isinstance(value, list):
        return [_rooted(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    if "root" in value and "path" in value:
        return value | {"root": str(folder / value["root"])}
    return {key: _rooted(item, folder) for key, item in value.items()}
