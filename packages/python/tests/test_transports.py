"""An app behind HTTP/2, TLS and Unix sockets: the core's work, seen from `app.run()` and from the command."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

APP = """
from spikard import Spikard

app = Spikard(title="Served")

@app.get("/hello/{name}")
async def hello(name: str) -> str:
    return f"hello {name}"

if __name__ == "__main__":
    app.run()
"""
LIMIT = 20.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


@pytest.fixture
def certificate(folder: Path) -> Path:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate; install it: apt-get install openssl")
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([openssl, *made, *files, *names], check=True, capture_output=True)
    return folder / "cert.pem"


@contextmanager
def serving(folder: Path, *command: str, **environment: str) -> Iterator[str]:
    """A server that says where it serves; gives that."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SPIKARD_")}
    process = subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=clean | environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = ""
    try:
        deadline = time.monotonic() + LIMIT
        while " (Ctrl-C" not in said:
            ready, _, _ = select.select([process.stderr], [], [], max(0.0, deadline - time.monotonic()))
            line = process.stderr.readline() if ready else ""
            assert line, f"it does not serve: {said}"
            said += line
        (where,) = [word.rstrip(",") for word in said.split() if "://" in word or word.startswith("unix:")]
        yield where
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


RUNS = {
    "app.run()": ("app.py",),
    "run": ("-m", "spikard", "run", "app.py", "--port", "0"),
    "workers": ("-m", "spikard", "run", "app.py", "--port", "0", "--workers", "2"),
}


@pytest.mark.parametrize("command", RUNS.values(), ids=RUNS.keys())
def test_http2_is_spoken_by_prior_knowledge(folder: Path, command: tuple[str, ...]) -> None:
    with serving(folder, *command, SPIKARD_PORT="0") as where, httpx.Client(http1=False, http2=True) as client:
        for name in ("you", "me"):
            answer = client.get(f"{where}/hello/{name}")
            assert (answer.http_version, answer.text) == ("HTTP/2", f"hello {name}")
        assert client.get(f"{where}/nothing").json()["code"] == "not-found"
        assert httpx.get(f"{where}/hello/you").http_version == "HTTP/1.1"


@pytest.mark.parametrize("command", RUNS.values(), ids=RUNS.keys())
def test_https_is_served_with_certificates_of_files(folder: Path, certificate: Path, command: tuple[str, ...]) -> None:
    files = {"SPIKARD_TLS_CERT": "cert.pem", "SPIKARD_TLS_KEY": "key.pem"}
    trust = ssl.create_default_context(cafile=str(certificate))
    with serving(folder, *command, SPIKARD_PORT="0", **files) as where:
        assert where.startswith("https://127.0.0.1:")
        for http2, version in ((True, "HTTP/2"), (False, "HTTP/1.1")):
            with httpx.Client(http2=http2, verify=trust) as client:
                answer = client.get(f"{where}/hello/you")
                assert (answer.http_version, answer.text) == (version, "hello you")


def test_wrong_files_are_refused_with_what_is_right(folder: Path, certificate: Path) -> None:
    (folder / "wrong.pem").write_text("")
    for command in RUNS.values():
        files = {"SPIKARD_TLS_CERT": "cert.pem", "SPIKARD_TLS_KEY": "wrong.pem"}
        done = subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            env=os.environ | files,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        assert done.returncode == 2
        assert "tls_key: wrong.pem holds no private key" in done.stderr


@pytest.mark.parametrize("command", RUNS.values(), ids=RUNS.keys())
def test_a_path_is_served_and_removed(folder: Path, command: tuple[str, ...]) -> None:
    command = tuple(word for word in command if word not in ("--port", "0"))
    path = folder / "app.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    with serving(folder, *command, SPIKARD_UDS="app.sock", SPIKARD_UDS_MODE="0600") as where:
        assert where == "unix:app.sock"
        assert path.stat().st_mode & 0o777 == 0o600
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
            assert client.get("http://app/hello/you").text == "hello you"
    assert not path.exists()
