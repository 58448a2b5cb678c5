"""`spikard` and `python -m spikard`: the core's command, told which interpreter this is and how it serves."""

import os
import sys

from spikard import _bridge


def main() -> int:
    """Runs the command line; its exit code."""
    return _bridge.command(sys.argv, sys.executable, serve)


def serve(app: str, environment: dict[str, str]) -> int:
    """`spikard run`: this process becomes the worker; its exit code."""
    from spikard import _worker  # the other verbs need no loop

    os.environ.update(environment)
    return _worker.main([app])


if __name__ == "__main__":
    sys.exit(main())
