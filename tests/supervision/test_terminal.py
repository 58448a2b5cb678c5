"""The supervisor and the terminal that it was started on. Python workers; what it does is no language's."""

from __future__ import annotations

import os
import pty
import sys

import pytest
from languages import LANGUAGES
from supervised import started

PYTHON = next(language for language in LANGUAGES if language.name == "python")

# Becomes the leader of a session with this terminal, then the command. The tests themselves may run under nohup.
ON_TERMINAL = """
import os, signal, sys
os.setsid()
os.dup2(os.open(sys.argv[1], os.O_RDWR), 0)
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[2] == "True" else signal.SIG_DFL)
os.execv(sys.argv[3], sys.argv[3:])
"""


@pytest.mark.skipif(not os.path.ismount("/dev/pts"), reason="no terminals here: mount /dev/pts")
@pytest.mark.parametrize(("outlives", "told"), [(False, "stopping"), (True, "reloaded: 1 worker")])
def test_closing_the_terminal_ends_it_unless_it_was_told_to_outlive_it(outlives: bool, told: str) -> None:
    terminal, slave = pty.openpty()
    command = [*PYTHON.spikard, "run", PYTHON.app, "--port", "0", "--workers", "1"]
    with started(PYTHON, [sys.executable, "-c", ON_TERMINAL, os.ttyname(slave), str(outlives), *command]) as supervised:
        supervised.line("http://")
        os.close(slave)
        os.close(terminal)
        supervised.line(told)
        if outlives:
            supervised.process.terminate()
        assert supervised.process.wait(10) == 0
