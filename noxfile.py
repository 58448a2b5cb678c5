"""Builds, tests, checks and serves Spikard. Sessions only; what takes thought is a program under scripts/."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.append(str(ROOT / "scripts"))
from house import pythons  # noqa: E402

nox.needs_version = ">=2026.10.20"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "build", "test-all"]
nox.options.download_python = "never"
os.environ["PATH"] = pythons.search_path()  # where nox looks for the interpreters of `python=`

PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
TEST_PACKAGES = ["test-python", "test-node", "test-ruby", "test-php", "test-php-source", "test-supervisor"]
GUESTS = ["py", "node", "rb", "php"]  # tested through their packages
GUEST_CRATES = [f"--exclude=spikard-{guest}" for guest in GUESTS]


def program(session: nox.Session, name: str, *arguments: str, python: str = sys.executable) -> None:
    """Run a program of scripts/, by default with the Python that runs nox. Its two outputs stay apart."""
    session.run(python, str(ROOT / "scripts" / name), *arguments, external=True, stderr=None)


def install(session: nox.Session, *groups: str) -> None:
    """Install dependency groups of pyproject.toml."""
    session.install(*nox.project.dependency_groups(PYPROJECT, *groups))


def install_wheel(session: nox.Session) -> None:
    """Install the wheel of dist/ that fits this environment, as a user would get it."""
    session.install("--no-index", "--find-links", "dist", "--no-deps", "--reinstall-package", "spikard", "spikard")


@nox.session(venv_backend="none")
def build(session: nox.Session) -> None:
    """Build everything into dist/ and print a table; `-- --release`, `-- --force`."""
    program(session, "build", *session.posargs)


@nox.session(name="build-core", venv_backend="none", default=False, allow_parallel=True)
def build_core(session: nox.Session) -> None:
    """Package the crates into dist/."""
    program(session, "build", "core", *session.posargs)


@nox.session(name="build-cli", venv_backend="none", default=False, allow_parallel=True)
def build_cli(session: nox.Session) -> None:
    """Build the `spikard` command into dist/."""
    program(session, "build", "cli", *session.posargs)


@nox.session(name="build-python", venv_backend="none", default=False, allow_parallel=True)
def build_python(session: nox.Session) -> None:
    """Build the wheel and the sdist into dist/; `-- --python 3.12` for another Python."""
    program(session, "build", "python", *session.posargs)


@nox.session(name="build-node", venv_backend="none", default=False, allow_parallel=True)
def build_node(session: nox.Session) -> None:
    """Build the npm package and its extension module into dist/."""
    program(session, "build", "node", *session.posargs)


@nox.session(name="build-ruby", venv_backend="none", default=False, allow_parallel=True)
def build_ruby(session: nox.Session) -> None:
    """Build the gem of this platform and the source gem into dist/."""
    program(session, "build", "ruby", *session.posargs)


@nox.session(name="build-php", venv_backend="none", default=False, allow_parallel=True)
def build_php(session: nox.Session) -> None:
    """Build the PHP extension and the Composer package into dist/."""
    program(session, "build", "php", *session.posargs)


@nox.session(venv_backend="none", default=False, allow_parallel=True)
def wheel(session: nox.Session) -> None:
    """What the sessions that test the wheel require: `build-python`, which takes no arguments meant for them."""
    program(session, "build", "python")


@nox.session(venv_backend="none", default=False, allow_parallel=True)
def npm(session: nox.Session) -> None:
    """What the sessions that test the npm package require: `build-node` without arguments."""
    program(session, "build", "node")


@nox.session(venv_backend="none", default=False, allow_parallel=True)
def gem(session: nox.Session) -> None:
    """What the sessions that test the gem require: `build-ruby` without arguments."""
    program(session, "build", "ruby")


@nox.session(venv_backend="none", default=False, allow_parallel=True)
def extension(session: nox.Session) -> None:
    """What the sessions that test the PHP package require: `build-php` without arguments."""
    program(session, "build", "php")


@nox.session(
    name="test-all",
    venv_backend="none",
    requires=[
        "lint",
        "test-rust",
        "conformance",
        "test-documents",
        "fixtures",
        "five-alike",
        "test-examples",
        *TEST_PACKAGES,
    ],
)
def test_all(session: nox.Session) -> None:
    """Every check and every test of every language; prints what ran."""
    packages = [name.removeprefix("test-") for name in TEST_PACKAGES]
    counted = ["rust", "conformance", "documents", "fixtures", "runner", "alike", "examples", *packages]
    program(session, "tally", "--show", *counted)


@nox.session(name="test-rust", venv_backend="none", default=False)
def test_rust(session: nox.Session) -> None:
    """Test the crates, their documentation and the README."""
    program(session, "tally", "rust", "scripts/cargo", "test", "--workspace", *GUEST_CRATES, *session.posargs)


@nox.session(name="test-python", requires=["wheel"], default=False)
def test_python(session: nox.Session) -> None:
    """Install the wheel in a clean environment and test that."""
    install(session, "test")
    install_wheel(session)
    program(session, "tally", "python", "pytest", "packages/python/tests", *session.posargs)


@nox.session(name="test-pythons", python=PYTHONS, default=False)
def test_pythons(session: nox.Session) -> None:
    """The same on every Python that PATH, pyenv or uv has; `-p 3.13` for one."""
    program(session, "build", "python", "--python", str(session.python))
    install(session, "test")
    install_wheel(session)
    program(session, "tally", f"python-{session.python}", "pytest", "packages/python/tests", *session.posargs)


@nox.session(name="test-node", venv_backend="none", requires=["npm"], default=False)
def test_node(session: nox.Session) -> None:
    """Install the npm package in an empty project and test that."""
    tests = ["node", "--test", "--test-timeout=60000", "build/*/*.test.js"]
    program(session, "tally", "node", sys.executable, "scripts/node-project", *tests, *session.posargs)


@nox.session(name="test-ruby", venv_backend="none", requires=["gem"], default=False)
def test_ruby(session: nox.Session) -> None:
    """Install the gem into an empty GEM_HOME and test that."""
    places = ["packages/ruby/spec", "examples/inventory/ruby"]
    tests = ["rspec", "--default-path", "packages/ruby/spec", *places, *session.posargs]
    program(session, "tally", "ruby", sys.executable, "scripts/ruby-home", *tests)


@nox.session(name="test-ruby-source", venv_backend="none", requires=["gem"], default=False)
def test_ruby_source(session: nox.Session) -> None:
    """Install the source gem, which Cargo builds there, into an empty GEM_HOME and test that."""
    tests = ["rspec", "--default-path", "packages/ruby/spec", "packages/ruby/spec", *session.posargs]
    program(session, "tally", "ruby-source", sys.executable, "scripts/ruby-home", "--source", *tests)


@nox.session(name="test-php", venv_backend="none", requires=["extension"], default=False)
def test_php(session: nox.Session) -> None:
    """Install extension and Composer package in an empty project and test that."""
    tests = ["phpunit", "--configuration", "tests/phpunit.xml", *session.posargs]
    program(session, "tally", "php", sys.executable, "scripts/php-project", *tests)


@nox.session(name="test-php-source", venv_backend="none", requires=["extension"], default=False)
def test_php_source(session: nox.Session) -> None:
    """Build the extension from its source archive, by phpize in a clean folder, and test that."""
    tests = ["phpunit", "--configuration", "tests/phpunit.xml", *session.posargs]
    program(session, "tally", "php-source", sys.executable, "scripts/php-project", "--source", *tests)


@nox.session(name="test-supervisor", requires=["wheel", "npm", "extension", "gem"], default=False)
def test_supervisor(session: nox.Session) -> None:
    """Kill, reload, recycle, block and end workers of every language; `-- -k node` for one."""
    install(session, "bootstrap", "test")
    install_wheel(session)
    program(session, "tally", "supervisor", "pytest", "tests/supervision", *session.posargs)


@nox.session(name="stress-ruby", requires=["gem"], default=False)
def stress_ruby(session: nox.Session) -> None:
    """Memory of Ruby over 200,000 requests; all shared cases under its collector, at every chance too; valgrind."""
    install(session, "bootstrap", "test")
    program(session, "ruby-home")
    program(session, "stress-ruby", *session.posargs, python="python")


@nox.session(name="test-examples", requires=["wheel"], default=False)
def test_examples(session: nox.Session) -> None:
    """Test the examples, the README, scripts/ and the fixture runner, and call the demo as a client would."""
    install(session, "bootstrap", "test")
    install_wheel(session)
    program(
        session, "tally", "examples", "pytest", "examples", "scripts/tests", "tests/test_runner.py", *session.posargs
    )
    program(session, "demo", "--check", python="python")
    program(session, "record", "--check", python="python")


@nox.session(requires=["wheel", "npm", "extension", "gem"], default=False)
def fixtures(session: nox.Session) -> None:
    """Run the shared cases in every language and print the parity table; `-- --filter 'query/*'`."""
    install(session, "bootstrap", "test")
    install_wheel(session)
    program(session, "tally", "runner", "pytest", "tests/test_runner.py")
    program(session, "tally", "fixtures", "python", "scripts/fixtures", *session.posargs)


@nox.session(name="five-alike", requires=["wheel", "npm", "extension", "gem"], default=False)
def five_alike(session: nox.Session) -> None:
    """Ask five languages behind one port; `-- story`, `-- fixtures --filter 'query/*'`, `-- fuzz --examples 100`."""
    install(session, "bootstrap", "alike")
    install_wheel(session)
    program(session, "tally", "alike", "python", "scripts/five-alike", *session.posargs)


@nox.session(venv_backend="none", default=False)
def fuzz(session: nox.Session) -> None:
    """Fuzz heads, chunked bodies and whole connections, 60 s each; `-- --seconds 600 head`, `-- --input FILE`."""
    program(session, "fuzz", *session.posargs)


@nox.session(venv_backend="none", default=False)
def conformance(session: nox.Session) -> None:
    """Run the public JSON and JSON Schema suites from ../shared/data or $SPIKARD_DATA."""
    program(session, "conformance", *session.posargs)


@nox.session(name="test-documents", requires=["wheel"], default=False)
def test_documents(session: nox.Session) -> None:
    """Judge the OpenAPI and AsyncAPI documents by the schemas that are published for them."""
    install(session, "bootstrap", "test")
    install_wheel(session)
    program(session, "tally", "documents", "pytest", "tests/documents", *session.posargs)


@nox.session(requires=["wheel"], default=False)
def docs(session: nox.Session) -> None:
    """Write into docs/cli.md what a terminal shows of the installed command; `test-examples` compares it."""
    install_wheel(session)
    session.install("msgspec")
    program(session, "record", *session.posargs, python="python")


@nox.session(requires=["wheel"], default=False)
def demo(session: nox.Session) -> None:
    """Serve the example app until Ctrl-C; `-- --check` calls it and exits."""
    install_wheel(session)
    session.install("msgspec")
    program(session, "demo", *session.posargs, python="python")


@nox.session(requires=["wheel", "npm"])
def lint(session: nox.Session) -> None:
    """Check formatting, lints, types, the stub, layers, versions, workflows and words; `-- NAME` for one."""
    install(session, "lint")
    install_wheel(session)
    program(session, "lint", *session.posargs, python="python")


@nox.session(default=False)
def fmt(session: nox.Session) -> None:
    """Format Rust and Python, and apply the lints that can be applied."""
    install(session, "format")
    session.run("cargo", "fmt", "--all", external=True)
    session.run("ruff", "check", "--fix", "--quiet", ".")
    session.run("ruff", "format", ".")


@nox.session(venv_backend="none", default=False, allow_parallel=True)
def doctor(session: nox.Session) -> None:
    """Say which tools are there, which are missing and how to install them; `-- --json`."""
    program(session, "doctor", *session.posargs)


@nox.session(venv_backend="none", default=False)
def bench(session: nox.Session) -> None:
    """Compare with peers; writes docs/performance.md. `-- --rounds 1 --seconds 1`, `--json`, `--no-write`, `--help`."""
    program(session, "../benchmarks/prepare.py", ".nox/benchmark", *session.posargs)


@nox.session(venv_backend="none", default=False)
def version(session: nox.Session) -> None:
    """Check that every manifest has the version of Cargo.toml (`-- --check`), or `-- set X`."""
    program(session, "version", *(session.posargs or ["--check"]))


@nox.session(venv_backend="none", default=False)
def clean(session: nox.Session) -> None:
    """Remove what the sessions made, but not Cargo's target/ (`-- --all` for that too)."""
    program(session, "clean", *session.posargs)
