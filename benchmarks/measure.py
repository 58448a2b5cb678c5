"""Cost of a server while a client loads it: CPU time, context switches and system calls of its whole process tree.

CPU time comes from the scheduler's own nanosecond account (`/proc/PID/task/TID/schedstat`), not from clock ticks.
"""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process tree has used so far."""

    cpu_ns: int
    waited_ns: int  # ready to run, while something else had the processor
    switches: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request cost."""

    cpu_us: float
    switches: float
    requests: int


def tree(pid: int) -> list[int]:
    """`pid` and all its descendants."""
    found = [pid]
    for parent in found:
        for task in (PROC / str(parent) / "task").glob("*"):
            children = (task / "children").read_text().split() if task.exists() else []
            found.extend(int(child) for child in children)
    return found


def usage(pid: int) -> Usage:
    """Sum over the threads of the tree of `pid`."""
    cpu = waited = switches = 0
    for process in tree(pid):
        for task in (PROC / str(process) / "task").glob("*"):
            ran, ready, _ = map(int, (task / "schedstat").read_text().split())
            cpu, waited = cpu + ran, waited + ready
            status = (task / "status").read_text()
            switches += sum(int(n) for n in re.findall(r"ctxt_switches:\t(\d+)", status))
    return Usage(cpu, waited, switches)


def resident_mb(pid: int) -> float:
    """Resident memory of the tree of `pid` in MB (10^6 bytes)."""
    pages = sum(int((PROC / str(process) / "statm").read_text().split()[1]) for process in tree(pid))
    return pages * 4096 / 1e6


@dataclass(frozen=True, slots=True)
class Load:
    """What the client asks for, and how."""

    url: str
    connections: int = 64
    threads: int = 1
    script: Path | None = None
    patience: int = 2  # seconds in which each answer has to come


def wrk(load: Load, seconds: int) -> int:
    """Sends `load` and returns how many answers came; raises when one was an error or too late.

    The client is of the batch class (sched(7)): an answer that wakes it does not take the server's processor from it.
    """
    command = ["chrt", "--batch", "0", "wrk", f"-t{load.threads}", f"-c{load.connections}", f"-d{seconds}s"]
    command += [f"--timeout={load.patience}s", *(["-s", str(load.script)] if load.script else []), load.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(f"{load.url}: errors under load:\n{done.stdout}")
    match = re.search(r"(\d+) requests in", done.stdout)
    if match is None:
        raise RuntimeError(f"wrk printed no count:\n{done.stdout}")
    if match.group(1) == "0":
        raise RuntimeError(f"{load.url}: nothing was answered in {seconds} s; measure on a machine with less to do")
    return int(match.group(1))


def cost(pid: int, load: Load, seconds: int) -> Cost:
    """One timed round."""
    before = usage(pid)
    requests = wrk(load, seconds)
    after = usage(pid)
    return Cost(
        (after.cpu_ns - before.cpu_ns) / 1e3 / requests, (after.switches - before.switches) / requests, requests
    )


def system_calls(pid: int, load: Load) -> float:
    """System calls per request, counted by strace in a round of its own."""
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as summary:
        attach = [f"--attach={process}" for process in tree(pid)]
        tracer = subprocess.Popen(["strace", "-f", "-c", "-o", summary.name, *attach], stderr=subprocess.DEVNULL)
        time.sleep(0.3)  # strace attaches; it does not say when it is ready
        try:
            requests = wrk(load, 1)
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(timeout=10)
        total = re.search(r"^100\.00\s+\S+\s+\S+\s+(\d+).*total$", Path(summary.name).read_text(), re.MULTILINE)
    if total is None:
        raise RuntimeError("strace counted nothing")
    return int(total.group(1)) / requests
