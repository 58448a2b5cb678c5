"""A Debian 13 in a folder, whose Python 3.13 runs the servers where the machine's own Pythons are too old. Needs root.

What is mounted into it is mounted for one command only, in a mount namespace of its own: whoever removes the folder
removes nothing else.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

PACKAGES = "python3,python3-venv,python3-dev,gcc,libc6-dev,ca-certificates"
MIRROR = "SPIKARD_DEBIAN_MIRROR"
RUST = "/opt/rust"
CERTIFICATES = Path("/etc/ssl/certs")


def interpreter(folder: Path, shared: Path, step: Callable[[list[str]], None]) -> list[str]:
    """
    The command that starts its Python, after making the folder when it is not there. Inside, `shared` and the caches
    of Cargo stand where they stand outside, and the Rust of this machine is on PATH.
    """
    if os.geteuid() != 0:
        sys.exit("bench: no Python >= 3.12 here, and a Debian folder with one needs root; install one, or use sudo")
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.partial")  # what an interrupted run leaves is no Debian yet
        step(["rm", "-rf", "--one-file-system", str(partial)])
        step(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "trixie", str(partial), *mirror()])
        partial.rename(folder)
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], cwd=shared, capture_output=True, text=True, check=True)
    cargo = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    mounts = [(Path(sysroot.stdout.strip()), RUST), (Path("/proc"), "/proc"), (Path("/dev"), "/dev")]
    mounts += [(path, str(path)) for path in (cargo, shared, CERTIFICATES) if path.exists()]
    # Programs that a build makes for itself must not meet another Debian's C library: its own target folder.
    environment = [f"PATH={RUST}/bin:/usr/bin:/bin", f"CARGO_TARGET_DIR={shared / 'target/trixie'}"]
    enter = f'{mounting(folder, mounts)} && exec chroot {shlex.quote(str(folder))} env "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", enter, "sh", *environment, "/usr/bin/python3"]


def mounting(folder: Path, mounts: Iterable[tuple[Path, str]]) -> str:
    """Shell that shows each path of the machine at its place below the folder."""
    steps = []
    for source, place in mounts:
        target = shlex.quote(f"{folder}{place}")
        steps.append(f"mkdir -p {target} && mount --bind {shlex.quote(str(source))} {target}")
    return " && ".join(steps)


def mirror() -> list[str]:
    """The mirror to take packages from: the named one, else the one of this machine, else debootstrap's own."""
    if MIRROR in os.environ:
        return [os.environ[MIRROR]]
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Label: Debian"]
    return subprocess.run(asked, capture_output=True, text=True).stdout.split()[:1]
