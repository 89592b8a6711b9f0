"""The command `cosmic-fmi`.

`catalogue` names the commands in their groups, and `dispatch` calls the one that is asked for. A command is a
file with ``parser()`` and ``main(argv)``: those of experiments below `experiments`, those for data and models
on this machine below `models`, and those of the libraries `fmi` and `localcloud` below `libraries`. They
understand arguments; the work is done by the packages that they call, and those never import from here.
`arguments` is what the parsers share. What is slow to import is imported once the arguments are known to be
good, within `loading`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` names (default: ``sys.argv[1:]``); returns the exit status."""
    try:
        from cosmic_fmi.cli.dispatch import dispatch

        try:
            return dispatch(sys.argv[1:] if argv is None else argv)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read this has what they wanted, as `| head -1` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        return 1
