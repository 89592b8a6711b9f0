"""The command `cosmic-fmi`.

    catalogue.py   every command, in groups       dispatch.py   calls the one that is asked for
    arguments.py   what the parsers share         loading.py    imports what is slow, within Ctrl-C's reach
    experiments/   commands that run experiments and show their results
    models/        commands for data and models on this machine
    libraries/     commands of the libraries fmi and localcloud

A command is a module with ``parser()`` and ``main(argv)``. It understands arguments; the packages that it
calls do the work, and they never import from here. Slow imports happen once the arguments are known to be
good.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

NOT_EVERYWHERE = ("torch", "onnxruntime")
"""Packages that pyproject.toml leaves out where they have no builds."""


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
    except ModuleNotFoundError as error:
        if error.name not in NOT_EVERYWHERE:
            raise
        print(
            f"Error: this needs {error.name}, which is not installed (it has no builds for Intel Macs).",
            file=sys.stderr,
        )
        return 1
    except BrokenPipeError:  # whoever read this has what they wanted, as `| head -1` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        return 1
