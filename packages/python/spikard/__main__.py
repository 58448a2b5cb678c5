"""`spikard` and `python -m spikard`: the core's command, told which interpreter this is and how it serves."""

import os
import signal
import sys

from spikard import _bridge


def main() -> int:
    """Runs the command line; its exit code."""
    # The core hears SIGINT itself; Python would raise KeyboardInterrupt after it has.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _bridge.command(sys.argv, serve)


def serve(app: str, environment: dict[str, str]) -> int:
    """`spikard run`: this process becomes the worker; its exit code."""
    from spikard import _worker  # the other verbs need no loop

    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(environment)
    return _worker.main([app])


if __name__ == "__main__":
    sys.exit(main())
