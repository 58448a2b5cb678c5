"""The servers that are compared: how each is started, and what its answers must be before anything is timed."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
ITEM = json.loads(
    next(line for line in (HERE / "wrk/item.lua").read_text().splitlines() if "body" in line).split("'")[1]
)

HEADERS = dict(re.findall(r'\["(\S+)"\] = "(.+)"', (HERE / "wrk/guarded.lua").read_text()))


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request, its right answer, and how many connections send it."""

    name: str
    target: str
    status: int
    answer: object
    connections: int = 64
    threads: int = 2  # of the client: a single one is slower than the fastest servers
    post: bool = False
    guarded: bool = False  # with a token, from another origin, compressed

    @property
    def script(self) -> Path | None:
        if self.guarded:
            return HERE / "wrk/guarded.lua"
        return HERE / "wrk/item.lua" if self.post else None


POST = {"id": 12, "slug": "oak-table", "limit": 5, "tags": ["a", "b"]}
HELLO = {"message": "Hello, World!"}
LIST = [{"id": number, "slug": "oak-table", "limit": 5, "tags": ["a", "b"]} for number in range(32)]
CASES = [
    Case("json", "/json", 200, HELLO),
    Case("json async", "/json-async", 200, HELLO),
    Case("parameters", "/users/12/posts/oak-table?limit=5&tag=a&tag=b", 200, POST),
    Case("item 190 B", "/items", 201, ITEM, post=True),
    Case("await 1 ms", "/wait", 200, {"ok": True}, threads=1),
    Case("json, 1 connection", "/json", 200, HELLO, connections=1, threads=1),
    Case("CORS, gzip, request id, JWT", "/list", 200, LIST, guarded=True),
]
FILES = {"page.txt": "0123456789abcde\n" * 640, "large.txt": "0123456789abcde\n" * 65536}
FILE_CASES = [
    Case("static 10 KB", "/files/page.txt", 200, FILES["page.txt"]),
    Case("static 1 MB", "/files/large.txt", 200, FILES["large.txt"]),
]


@dataclass(frozen=True, slots=True)
class Server:
    """A command and its environment, with `{port}` in them."""

    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)
    refuses: int | None = 422  # the status of an item that breaks its rules; None: the server does not check it
    guarded: bool = False  # runs the guarded case and no other
    patience: int = 2  # seconds in which each answer has to come
    only: str | None = None  # the one target that it answers

    def runs(self, case: Case) -> bool:
        return self.guarded == case.guarded and self.only in (None, case.target)


GUARDED = {"SPIKARD_CORS_ORIGINS": "https://app.example.com", "SPIKARD_COMPRESSION": "true"}


def python_servers(python: list[str]) -> list[Server]:
    """Spikard and its peers, all on the interpreter that the command `python` starts, one process each."""
    path = {"PYTHONPATH": str(HERE / "python")}
    bolt = {**path, "DJANGO_SETTINGS_MODULE": "bolt.settings"}
    app = str(HERE / "python/spikard_app.py")
    run = [*python, "-m", "spikard", "run", app, "--port", "{port}"]
    runbolt = [*python, "-m", "django", "runbolt", "--host", "127.0.0.1", "--port", "{port}", "--no-admin"]
    return [
        Server("spikard", run, path),
        Server("django-bolt", runbolt, bolt),
        Server("spikard, guarded", run, {**path, **GUARDED}, guarded=True),
        Server("django-bolt, guarded", runbolt, {**bolt, "BENCHMARK_GUARDED": "yes"}, guarded=True),
        Server(
            "granian RSGI",
            [
                *python,
                "-m",
                "granian",
                "--interface",
                "rsgi",
                "--host",
                "127.0.0.1",
                "--port",
                "{port}",
                "granian_app:app",
            ],
            path,
        ),
        Server(
            "FastAPI on uvicorn",
            [*python, "-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--no-access-log", "fastapi_app:app"],
            path,
        ),
    ]


def rust_servers(folder: Path) -> list[Server]:
    """Spikard and axum, one thread each."""
    return [
        Server("spikard", [str(folder / "spikard")], {"SPIKARD_PORT": "{port}"}),
        Server("axum", [str(folder / "axum"), "{port}"], refuses=None),
        Server("spikard, guarded", [str(folder / "spikard")], {"SPIKARD_PORT": "{port}", **GUARDED}, guarded=True),
        Server("axum, guarded", [str(folder / "axum"), "{port}", "guarded"], guarded=True),
        bare(folder),
    ]


def bare(folder: Path) -> Server:
    """Reads and writes and does no HTTP: what the kernel takes for that, and little else."""
    return Server("no HTTP at all", [str(folder / "bare"), "{port}"], refuses=None, only="/json")


def in_rust(folder: Path | None) -> list[Server]:
    """What may run beside another language, where it was built: our app in Rust, and the one without HTTP."""
    if folder is None:
        return []
    return [replace(rust_servers(folder)[0], name="spikard in Rust"), bare(folder)]


def file_servers(folder: Path) -> list[Server]:
    """Spikard in Rust and nginx with files of their own, one process that serves each."""
    files = folder.resolve() / "files-served"
    files.mkdir(exist_ok=True)
    for name, text in FILES.items():
        (files / name).write_text(text)
    return [
        Server("spikard", [str(folder / "files"), str(files)], {"SPIKARD_PORT": "{port}"}),
        Server("nginx", [sys.executable, str(HERE / "nginx.py"), "{port}", str(files)]),
    ]


def node_servers(node: str, project: Path, rust: Path | None) -> list[Server]:
    """Spikard and its peers out of the npm project, one process and one JavaScript thread each."""

    def program(interpreter: str, app: str) -> list[str]:
        return [interpreter, str(project / f"{app}_app.mjs"), "{port}"]

    run = str(project / "node_modules/spikard/build/src/main.js")
    bun = str(project / "node_modules/.bin/bun")
    app = str(project / "spikard_app.mjs")
    return [
        Server("spikard", [node, run, "run", app, "--port", "{port}"]),
        Server("fastify", program(node, "fastify"), refuses=400),
        Server("Bun.serve", program(bun, "bun"), refuses=None),
        Server("node:http", program(node, "http"), refuses=None),
        *in_rust(rust),
    ]


def php_servers(project: Path) -> list[Server]:
    """Spikard, an event loop written in PHP, nginx with php-fpm: with opcache and its compiler, one process each."""
    jit = ["-d", "opcache.enable_cli=1", "-d", "opcache.jit=tracing", "-d", "opcache.jit_buffer_size=64M"]
    php = ["php", "-d", "memory_limit=256M", *jit]
    scan = {"PHP_INI_SCAN_DIR": f":{project / 'conf'}"}
    return [
        Server("spikard", [*php, str(project / "spikard_app.php")], {**scan, "SPIKARD_PORT": "{port}"}),
        Server("PHP event loop", [*php, str(project / "loop_app.php"), "{port}"]),
        # Its queue is not in the order of arrival: under load some request waits for seconds.
        Server("nginx and php-fpm", [sys.executable, str(project / "fpm.py"), "{port}", str(php_fpm())], patience=10),
    ]


def ruby_servers(home: Path, rust: Path | None) -> list[Server]:
    """Spikard, puma with a bare Rack app and its five threads; beside them what `in_rust` gives."""
    installed = {"GEM_HOME": str(home), "RACK_ENV": "production", "SPIKARD_PORT": "{port}"}
    bind = ["--bind", "tcp://127.0.0.1:{port}"]
    servers = [
        Server("spikard", ["ruby", str(HERE / "ruby/spikard_app.rb")], installed),
        Server("puma", ["puma", "--quiet", "--threads", "5:5", *bind, str(HERE / "ruby/rack_app.ru")], installed),
    ]
    return servers + in_rust(rust)


def ruby_versions() -> list[str]:
    """The interpreter and its peer, as `name version`."""
    own = subprocess.run(["ruby", "-e", "print RUBY_VERSION"], capture_output=True, text=True, check=True).stdout
    puma = subprocess.run(["puma", "--version"], capture_output=True, text=True, check=True).stdout
    return [f"Ruby {own}", puma.strip().replace(" version", "")]


def php_fpm() -> Path:
    """The newest of Debian's, whose names end with their versions."""
    found = sorted(Path("/usr/sbin").glob("php-fpm*"))
    if not found:
        sys.exit("bench: there is no php-fpm; install it: apt-get install php-fpm")
    return found[-1]


def php_versions() -> list[str]:
    """The interpreter, as `name version`."""
    ask = ["php", "-n", "-r", "echo 'PHP ', PHP_VERSION;"]
    own = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
    return [own, nginx_version()]


def python_versions(python: list[str]) -> list[str]:
    """The interpreter and the peers in it, as `name version`."""
    names = ["django-bolt", "granian", "fastapi", "uvicorn"]
    ask = (
        "import platform, sys; from importlib.metadata import version; print('CPython', platform.python_version());"
        "[print(name, version(name)) for name in sys.argv[1:]]"
    )
    return subprocess.run([*python, "-c", ask, *names], capture_output=True, text=True, check=True).stdout.splitlines()


def nginx_version() -> str:
    """nginx, as `name version`."""
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    return said.split(":")[1].strip().replace("/", " ")


def rust_versions() -> list[str]:
    """axum as the lock file has it."""
    packages = tomllib.loads((HERE / "rust/Cargo.lock").read_text())["package"]
    return [f"axum {package['version']}" for package in packages if package["name"] == "axum"]


def node_versions(node: str, project: Path) -> list[str]:
    """Node and what is installed beside it, as `name version`."""
    own = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    names = ["fastify", "bun", "zod"]
    manifests = [json.loads((project / "node_modules" / name / "package.json").read_text()) for name in names]
    return [f"Node {own.removeprefix('v')}", *(f"{manifest['name']} {manifest['version']}" for manifest in manifests)]


Started = tuple[subprocess.Popen[bytes], int, float]


@contextmanager
def running(server: Server) -> Iterator[Started]:
    """Starts a server on a free port; gives the process, the port and the seconds to its first answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [word.replace("{port}", str(port)) for word in server.command]
    env = {**os.environ, **{name: value.replace("{port}", str(port)) for name, value in server.env.items()}}
    begin = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process, port, first_answer(process, port, begin, server.name)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)


def first_answer(process: subprocess.Popen[bytes], port: int, begin: float, name: str) -> float:
    """Waits until `/json` is answered, at most 20 s."""
    while time.perf_counter() - begin < 20:
        if process.poll() is not None:
            text = process.stderr.read().decode() if process.stderr else ""
            raise RuntimeError(f"{name} ended at start:\n{text}")
        try:
            call(port, CASES[0])
        except OSError:
            time.sleep(0.002)
        else:
            return time.perf_counter() - begin
    raise RuntimeError(f"{name} did not answer within 20 s")


def call(port: int, case: Case, body: object = None) -> tuple[int, object]:
    """One request outside the load."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        if case.post:
            text = json.dumps(ITEM if body is None else body)
            connection.request("POST", case.target, text, {"content-type": "application/json"})
        else:
            connection.request("GET", case.target, headers=HEADERS if case.guarded else {})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if case.guarded:
        marks = [answer.getheader(name) for name in ("content-encoding", "access-control-allow-origin")]
        if marks != ["gzip", HEADERS["origin"]]:
            raise RuntimeError(
                f"{case.target} was answered with {marks}, and is to be compressed and for another origin"
            )
        content = gzip.decompress(content)
    if isinstance(case.answer, str):
        return answer.status, content.decode()
    return answer.status, json.loads(content) if content and answer.status < 300 else None


def check(server: Server, port: int, cases: list[Case]) -> None:
    """Every answer is right, and what must be refused is refused; else nothing is timed."""
    for case in filter(server.runs, cases):
        got = call(port, case)
        if got != (case.status, case.answer):
            raise RuntimeError(f"{server.name}: {case.target} answered {got}, expected {(case.status, case.answer)}")
    if server.guarded:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/list", headers={"authorization": HEADERS["authorization"][:-2] + "AA"})
        status = connection.getresponse().status
        connection.close()
        if status != 401:
            raise RuntimeError(f"{server.name}: a forged token was answered with {status}, expected 401")
    elif server.refuses is not None and (create := next((case for case in cases if case.post), None)):
        status, _ = call(port, create, {**ITEM, "sku": "abc-1"})
        if status != server.refuses:
            raise RuntimeError(f"{server.name}: an invalid item was answered with {status}, expected {server.refuses}")
