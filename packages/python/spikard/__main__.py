"""`spikard` and `python -m spikard`: the core's command, told which interpreter this is."""

import sys

from spikard import _bridge


def main() -> int:
    """Runs the command line; its exit code."""
    return _bridge.command(sys.argv, sys.executable)


if __name__ == "__main__":
    sys.exit(main())
