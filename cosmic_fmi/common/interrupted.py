"""The end of a command that somebody interrupts: without a traceback."""

import sys
from collections.abc import Callable
from typing import NoReturn

INTERRUPTED = 130


def run_command(main: Callable[[], int]) -> NoReturn:
    """Exit with what the command returns, at Ctrl-C with one line and 130, as a shell's own commands do."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(INTERRUPTED)
