"""`spikard new --lang python` with the installed package: the project's own tests pass, and its definition is right."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new")
    made = run("spikard", "new", "web-shop", "--lang", "python", cwd=folder)
    assert made.returncode == 0, made.stderr
    assert "\n  cd web-shop\n" in made.stdout
    return folder / "web-shop"


def test_its_tests_pass(project: Path) -> None:
    done = run("pytest", "-q", "-p", "no:cacheprovider", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_its_definition_is_right(project: Path) -> None:
    checked = run("spikard", "check", cwd=project)
    assert (checked.returncode, checked.stdout) == (0, "app.py: 2 routes, no mistakes\n"), checked.stderr


def test_its_document_can_be_kept_in_yaml(project: Path) -> None:
    assert run("spikard", "openapi", "-o", "openapi.yaml", cwd=project).returncode == 0
    assert run("spikard", "openapi", "--check", "openapi.yaml", cwd=project).returncode == 0
    changed = (project / "openapi.yaml").read_text().replace("maximum: 100", "maximum: 99")
    (project / "openapi.yaml").write_text(changed)
    differs = run("spikard", "openapi", "--check", "openapi.yaml", cwd=project)
    assert differs.returncode == 1
    assert "components/schemas/OrderInput/properties/quantity/maximum: 99 in the file, 100 in the app" in differs.stderr


def test_its_name_is_everywhere(project: Path) -> None:
    files = [path for path in project.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert not [path for path in files if "{{" in path.read_text().replace("${{", "")]
    container = (project / "Containerfile").read_text()
    assert f"/python:{sys.version_info.major}.{sys.version_info.minor}-slim\n" in container
    assert tomllib.loads((project / "pyproject.toml").read_text())["project"]["name"] == "web-shop"


def test_its_container_file_takes_what_the_app_needs(project: Path, tmp_path: Path) -> None:
    """Its steps in an empty folder, but that the wheel is the one that is installed here."""
    words = [line.split() for line in (project / "Containerfile").read_text().splitlines()]
    for _, *sources, target in [line for line in words if line[:1] == ["COPY"]]:
        for source in (found for pattern in sources for found in project.glob(pattern)):
            inside = tmp_path / target
            if source.is_dir():
                shutil.copytree(source, inside, dirs_exist_ok=True)
            else:
                shutil.copy(source, inside)
    assert [line[1:3] for line in words if line[:1] == ["RUN"]] == [["pip", "install"]]
    (told,) = [line[1:] for line in words if line[:1] == ["CMD"]]
    program, *arguments = json.loads(" ".join(told))
    assert (program, arguments[-4:]) == ("spikard", ["--host", "0.0.0.0", "--port", "8000"])
    here = [*arguments[:-4], "--port", "0"]
    with subprocess.Popen([sys.executable, "-m", "spikard", *here], cwd=tmp_path, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            port = re.search(rb"http://127\.0\.0\.1:(\d+)", process.stderr.readline())
            assert port
            connection = http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=10)
            connection.request("GET", "/health/ready")
            assert connection.getresponse().status == 200
            connection.close()
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_the_doctor_finds_this_package(tmp_path: Path) -> None:
    done = run("spikard", "doctor", "--json", cwd=tmp_path)
    python = json.loads(done.stdout)["languages"][0]
    assert (python["language"], python["ready"], python["path"]) == ("python", True, sys.executable), done.stdout
