"""Runs a task's command as a child that ends with the daemon.

    python -m cosmic_fmi.localcloud.inside.supervise <descriptor> <command> [argument ...]

The command knows nothing of the daemon, so this process waits for the daemon's end in its place; it hands
SIGTERM on and ends with the command's exit status.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from types import FrameType

from cosmic_fmi.localcloud.inside.parent_watch import exit_with_parent


def main(arguments: list[str]) -> int:
    """Run the command to its end; its exit status, or 128 + signal as a shell reports it."""
    exit_with_parent(int(arguments[0]))
    try:
        child = subprocess.Popen(arguments[1:])
    except OSError as error:
        print(f"cannot run {arguments[1]}: {error.strerror}", file=sys.stderr)
        return 127

    def hand_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    signal.signal(signal.SIGTERM, hand_on)
    status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
