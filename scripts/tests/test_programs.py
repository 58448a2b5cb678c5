"""Tries the programs of scripts/ on small checkouts of their own; nothing here builds or reaches a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = (
    "Cargo.toml",
    "Cargo.lock",
    "benchmarks/rust/Cargo.lock",
    "pyproject.toml",
    "rust-toolchain.toml",
    "packages/python/pyproject.toml",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The programs and manifests of this checkout, without sources."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    crates = [str(path.relative_to(ROOT)) for path in (ROOT / "crates").glob("*/Cargo.toml")]
    for name in (*MANIFESTS, *crates):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run(checkout: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1", **environment}
    return subprocess.run(
        [sys.executable, *command], cwd=checkout, env=environment, capture_output=True, text=True, timeout=60
    )


def test_version_is_set_everywhere_in_each_ecosystems_form(checkout: Path) -> None:
    before = (checkout / "Cargo.toml").read_text()

    assert run(checkout, "scripts/version", "set", "3.4.0-rc.2").returncode == 0

    cargo = tomllib.loads((checkout / "Cargo.toml").read_text())["workspace"]
    assert cargo["package"]["version"] == cargo["dependencies"]["spikard"]["version"] == "3.4.0-rc.2"
    assert tomllib.loads((checkout / "packages/python/pyproject.toml").read_text())["project"]["version"] == "3.4.0rc2"
    benchmark = tomllib.loads((checkout / "benchmarks/rust/Cargo.lock").read_text())["package"]
    versions = {package["name"]: package["version"] for package in benchmark}
    assert (versions["spikard"], versions["spikard-benchmark"]) == ("3.4.0-rc.2", "0.0.0")
    assert comments((checkout / "Cargo.toml").read_text()) == comments(before)
    assert run(checkout, "scripts/version", "--check").returncode == 0


def comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line or line.startswith("#")]


def test_version_check_names_the_manifest_that_differs(checkout: Path) -> None:
    manifest = checkout / "packages/python/pyproject.toml"
    version = tomllib.loads(manifest.read_text())["project"]["version"]
    manifest.write_text(manifest.read_text().replace(f'version = "{version}"', 'version = "9.9.9"'))

    done = run(checkout, "scripts/version", "--check")

    assert (done.returncode, "packages/python/pyproject.toml: project.version is 9.9.9" in done.stdout) == (1, True)


@pytest.mark.parametrize("wrong", ["1.2", "v1.2.3", "1.2.3-dev"])
def test_version_refuses_what_an_ecosystem_cannot_say(checkout: Path, wrong: str) -> None:
    done = run(checkout, "scripts/version", "set", wrong)
    assert (done.returncode, "write 1.2.3" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("crates/spikard/Cargo.toml", "pyo3 = '1'", "pyo3 belongs to spikard-py alone"),
        ("crates/spikard/Cargo.toml", "spikard-bridge = '1'", "spikard must not depend on spikard-bridge"),
        ("crates/spikard-contract/Cargo.toml", "tokio = '1'", "spikard-contract is pure"),
        ("packages/python/spikard/app.py", "from spikard._native import Worker", "import the extension"),
        ("examples/x/python/app.py", "import spikard._bridge", "spikard._bridge is private"),
    ],
)
def test_layers_name_a_wrong_arrow(checkout: Path, file: str, line: str, said: str) -> None:
    assert run(checkout, "scripts/layers").returncode == 0
    place = checkout / file
    place.parent.mkdir(parents=True, exist_ok=True)
    before = place.read_text() if place.exists() else ""
    place.write_text(before.replace("[dependencies]\n", f"[dependencies]\n{line}\n") if before else line)

    done = run(checkout, "scripts/layers")

    assert (done.returncode, said in done.stdout) == (1, True), done.stdout


@pytest.mark.parametrize(
    ("file", "text", "wrong"),
    [
        ("item.rs", "/// Adds.\npub fn add() {}\n", True),
        ("item.rs", "/// ```text\n/// add();\n/// ```\nfn other() {}\n\npub fn add() {}\n", True),
        ("item.rs", "/// ```text\n/// 1 + 1\n/// ```\npub fn add() {}\n", True),
        ("item.rs", "/// ```\n/// add();\n/// ```\nfn other() {}\n\npub fn add() {}\n", False),
        ("item.rs", "/// ```\n/// assert!(true);\n/// ```\n#[inline]\npub fn add() {}\n", False),
        ("item.rs", "pub(crate) fn add() {}\n", False),
        ("server/item.rs", "pub fn add() {}\n", False),
    ],
)
def test_examples_name_a_public_item_without_one(checkout: Path, file: str, text: str, wrong: bool) -> None:
    place = checkout / "crates/spikard/src" / file
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)

    done = run(checkout, "scripts/examples")

    assert (done.returncode, "no example uses add" in done.stdout) == (int(wrong), wrong), done.stdout


def test_doctor_gives_the_line_that_installs_what_is_missing(checkout: Path) -> None:
    done = run(checkout, "scripts/doctor", "--json", PATH="/nowhere")
    rows = {row["tool"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 1
    assert rows["cargo"]["found"] == "missing"
    assert "scripts/bootstrap" in rows["cargo"]["install"]
    assert rows["cc"]["install"] == "apt-get install -y build-essential"
    assert rows["python"]["ok"]


@pytest.mark.parametrize(("ci", "named", "code"), [("", [], 0), ("true", [], 1), ("", ["cli"], 1)])
def test_build_without_rust_skips_with_a_reason_unless_asked(
    checkout: Path, ci: str, named: list[str], code: int
) -> None:
    done = run(checkout, "scripts/build", *named, PATH="/nowhere", CI=ci)
    assert (done.returncode, "cargo is missing or too old, install: " in done.stdout) == (code, True)


def test_tally_adds_up_what_the_runners_print(checkout: Path) -> None:
    cargo = "print('test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured')"
    pytest_ = "print('====== 30 passed, 2 skipped in 1.2s ======')"
    assert run(checkout, "scripts/tally", "rust", sys.executable, "-c", cargo).returncode == 0
    assert run(checkout, "scripts/tally", "python", sys.executable, "-c", pytest_).returncode == 0

    done = run(checkout, "scripts/tally", "--show", "rust", "python")

    assert (done.returncode, "42 passed, 3 skipped" in done.stdout.splitlines()[-1]) == (0, True)


def test_tally_fails_when_a_suite_ran_nothing(checkout: Path) -> None:
    assert run(checkout, "scripts/tally", "rust", sys.executable, "-c", "").returncode == 0
    assert run(checkout, "scripts/tally", "--show", "rust").returncode == 1


def test_bootstrap_check_reports_and_installs_nothing(checkout: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "scripts/bootstrap", "--check"], cwd=checkout, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, "in .nox/bootstrap: maturin" in done.stdout) == (1, True)
    assert not (checkout / ".nox").exists()


def test_pythons_are_found_on_path_and_where_pyenv_and_uv_keep_them(checkout: Path, tmp_path: Path) -> None:
    """Newest first; one that does not start, as pyenv's stand-ins, is passed over."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    homes = {"PYENV_ROOT": str(tmp_path / "pyenv"), "UV_PYTHON_INSTALL_DIR": str(tmp_path / "uv")}
    stand_in = tmp_path / "shims" / f"python{version}"
    stand_in.parent.mkdir()
    stand_in.write_text("#!/bin/sh\nexit 127\n")
    stand_in.chmod(0o755)
    ask = f"import sys; sys.path.append('scripts'); from house import pythons; print(pythons.find({version!r}))"

    def found() -> str:
        return run(checkout, "-c", ask, PATH=str(stand_in.parent), **homes).stdout.strip()

    assert found() == "None"
    for kept in (tmp_path / "uv" / f"cpython-{version}.9-linux", tmp_path / "pyenv/versions" / f"{version}.10"):
        (kept / "bin").mkdir(parents=True)
        starts = kept / "bin" / f"python{version}"
        starts.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        starts.chmod(0o755)
        assert found() == str(Path(sys.executable).resolve())
        starts.write_text("#!/bin/sh\nexit 127\n")
