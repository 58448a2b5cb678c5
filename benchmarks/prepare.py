"""Everything the comparison needs: interpreters that all peers support, the peers, Spikard as released.

django-bolt needs Python 3.12. Where no such interpreter is found, a Debian 13 in a folder holds one, and the Python
servers run in there (root needed). Then run.py measures, and the figures go into docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.append(str(ROOT / "scripts"))

import debian  # noqa: E402
import run  # noqa: E402
from house import node, php, pythons, ruby  # noqa: E402
from house.places import version  # noqa: E402

PEERS = ["django-bolt", "granian", "fastapi", "uvicorn[standard]", "msgspec"]
NODE_PEERS = ["fastify@latest", "bun@latest", "zod@latest"]
PYTHONS = ("3.14", "3.13", "3.12")
ONE = ("--case", "--server", "--json")  # who asks for one thing gets no other
DOCUMENT = ROOT / "docs/performance.md"


def main() -> int:
    """Prepares in the given folder and measures."""
    options, further = arguments()
    run.arguments(further)  # a slip is told now, not after the builds
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    write = [] if options.no_write else ["--write", str(DOCUMENT)]
    wanted = options.only or list(LANGUAGES)
    install_tools(["wrk", "strace"])
    sides = [argument for name in wanted for argument in LANGUAGES[name](options, folder)]
    code = subprocess.run([sys.executable, str(HERE / "run.py"), *sides, *write, *further]).returncode
    if code or any(option.split("=")[0] in ONE for option in further):
        return code
    for language, name in {"ruby": "beside.py", "python": "workers.py"}.items():
        if language in wanted and not code:
            at = sides.index(f"--{language}")
            command = [sys.executable, str(HERE / name), *sides[at : at + 2], *write]
            code = subprocess.run(command, stdout=sys.stderr).returncode
    return code


def arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Options of run.py go to it: --rounds, --seconds, --case, --server, --threads, --json; see its --help.",
    )
    parser.add_argument("folder", type=Path, help="where environments and wheels are kept")
    parser.add_argument("--only", action="append", choices=list(LANGUAGES), help="only this language (repeatable)")
    parser.add_argument("--python", metavar="X", help="interpreter of the Python servers: 3.13 or a path")
    parser.add_argument("--debian", action="store_true", help="the way of a machine whose Pythons are too old")
    parser.add_argument("--no-write", action="store_true", help=f"leave {DOCUMENT.relative_to(ROOT)} as it is")
    return parser.parse_known_args()


def interpreter(wanted: str | None) -> str | None:
    """The named interpreter, else the newest CPython from 3.12 on that can make virtual environments."""
    found = next(filter(None, map(pythons.find, [wanted] if wanted else PYTHONS)), None)
    if found is None and wanted:
        sys.exit(f"bench: no Python {wanted} here; leave --python out to take the newest, or --debian for Debian's")
    return str(found) if found else None


def install_tools(needed: list[str]) -> None:
    """What Debian packages under the name of its command."""
    absent = [name for name in needed if shutil.which(name) is None]
    if not absent:
        return
    line = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *absent]
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    if any(shutil.which(name) is None for name in [*as_root, "apt-get"]):
        sys.exit(f"bench: {', '.join(absent)} is missing; install it: {shlex.join(line)}")
    step([*as_root, "apt-get", "update", "--quiet"])
    step([*as_root, *line])


def python_side(options: argparse.Namespace, folder: Path) -> list[str]:
    """A virtual environment with the peers and the released wheel."""
    python = None if options.debian else interpreter(options.python)
    if python is None:
        install_tools(["debootstrap"])
    place = [python] if python else debian.interpreter(folder / "trixie", ROOT, step)
    venv = folder / ("python" if python else "python-trixie")
    inside = [*place[:-1], str(venv / "bin/python")]
    if not (venv / "bin/python").is_symlink():
        step([*place, "-m", "venv", str(venv)])
    step([*inside, "-m", "pip", "install", "--quiet", "--upgrade", "maturin", *PEERS])
    wheels = venv / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    build = ["maturin", "build", "--release", "--locked", "--interpreter", inside[-1], "--out", str(wheels)]
    # In the package's folder, because the root's pyproject.toml builds nothing. A chroot starts in its root.
    here = f"os.chdir({str(ROOT / 'packages/python')!r})"
    start = f"import os, runpy, sys; {here}; sys.argv = {build!r}; runpy.run_module('maturin', run_name='__main__')"
    step([*inside, "-c", start])
    wheel = next(wheels.glob("*.whl"))
    step([*inside, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", str(wheel)])
    return ["--python", shlex.join(inside)]


def rust_side(_: argparse.Namespace, __: Path) -> list[str]:
    """The two native servers, built as released."""
    target = ROOT / "target/benchmark"
    manifest = HERE / "rust/Cargo.toml"
    # Not --locked: this lock file follows what the crates of the workspace depend on by now.
    step(["cargo", "build", "--release", "--manifest-path", str(manifest), "--target-dir", str(target)])
    return ["--rust", str(target / "release")]


def files_side(options: argparse.Namespace, folder: Path) -> list[str]:
    """The native server of files, built as released, and nginx."""
    install_tools(["nginx"])
    return ["--files", rust_side(options, folder)[1]]


def node_side(_: argparse.Namespace, folder: Path) -> list[str]:
    """An npm project: the peers, the packages as released, and the apps, which Node lets import from there."""
    # dist/ holds them afterwards; whoever tests next builds its own.
    step([sys.executable, str(ROOT / "scripts/build"), "node", "--release"])
    place, project = node.folder(), folder / "node"
    if place is None:
        sys.exit("bench: no Node 20.17 or later here; ./scripts/bootstrap installs one")
    shutil.rmtree(project, ignore_errors=True)  # npm keeps an old package that has the new one's version
    project.mkdir()
    for app in (HERE / "node").glob("*.mjs"):
        shutil.copy(app, project)
    packages = [str(ROOT / f"dist/{name}-{version()}.tgz") for name in ("spikard", "spikard-linux-x64-gnu")]
    npm = ["npm", "install", "--prefix", str(project), *NODE_PEERS, *packages]
    step(npm, node.environment())
    return ["--node", str(project), "--node-path", str(node.program(place).parent)]


def php_side(_: argparse.Namespace, folder: Path) -> list[str]:
    """A Composer project: the extension and the library as released, and the apps."""
    install_tools(["nginx"])
    # dist/ holds them afterwards; whoever tests next builds its own.
    step([sys.executable, str(ROOT / "scripts/build"), "php", "--release"])
    step([sys.executable, str(ROOT / "scripts/php-project")])
    project = folder / "php"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(php.PROJECT, project)
    extension = php.extension(project, version())
    (project / "conf/spikard.ini").write_text(f"extension={extension}\n")
    for app in (HERE / "php").glob("*.p*"):
        shutil.copy(app, project)
    return ["--php", str(project)]


def ruby_side(_: argparse.Namespace, folder: Path) -> list[str]:
    """A GEM_HOME with the gem as released; the peer is Debian's."""
    install_tools(["puma"])
    # dist/ holds it afterwards; whoever tests next builds its own.
    step([sys.executable, str(ROOT / "scripts/build"), "ruby", "--release"])
    step([sys.executable, str(ROOT / "scripts/ruby-home")])
    home = folder / "ruby"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(ruby.HOME, home)
    return ["--ruby", str(home)]


LANGUAGES = {
    "python": python_side,
    "rust": rust_side,
    "files": files_side,
    "node": node_side,
    "php": php_side,
    "ruby": ruby_side,
}


def step(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Runs a step and says which; standard output is for the figures."""
    print("$ " + shlex.join(command), file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr)
    if done.returncode != 0:
        sys.exit(f"bench: that step ended with code {done.returncode}; repeat it by the line above")


if __name__ == "__main__":
    sys.exit(main())
