"""The crates that every package is built of, and how they are laid out for those who build one elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import tomlkit

from .places import ROOT

COMMON = tuple(f"crates/spikard{suffix}" for suffix in ("", "-contract", "-bridge", "-cli"))
BESIDE = ("Cargo.lock", "LICENSE", "rust-toolchain.toml")


def lay_out(folder: Path, own: str) -> None:
    """Copies the common crates and one's own into `folder`, as a workspace that Cargo can build there."""
    workspace = tomlkit.parse((ROOT / "Cargo.toml").read_text())
    holder: Any = workspace["workspace"]
    holder["members"] = ["crates/*"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Cargo.toml").write_text(tomlkit.dumps(workspace))
    for file in BESIDE:
        shutil.copy2(ROOT / file, folder)
    for crate in (*COMMON, own):
        shutil.copytree(ROOT / crate, folder / crate)
