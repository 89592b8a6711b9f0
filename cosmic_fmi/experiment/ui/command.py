"""What every command does around its work: errors as sentences, Ctrl-C without a traceback, exit statuses."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from cosmic_fmi.experiment.errors import ExperimentError
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.experiment.ui.signals import interruptible

INTERRUPTED = 130


def command_line(*words: str) -> str:
    """What to type in this folder for another command: it is beside this Python, and may not be on PATH."""
    here, installed = Path.cwd(), Path(sys.executable).with_name("cosmic-fmi")
    shown = installed.relative_to(here) if installed.is_relative_to(here) else installed
    return shlex.join([str(shown), *words])


def guarded(work: Callable[[], int], reporter: Reporter) -> int:
    """The exit status of ``work``: its own, 1 after an error that is printed, 130 after Ctrl-C, a SIGTERM or
    the end of the terminal.
    """
    try:
        with interruptible():
            return work()
    except KeyboardInterrupt as interrupt:
        said = str(interrupt) or "Interrupted: what this run started is stopped."
        reporter.message(said, "yellow", important=True)
        return INTERRUPTED
    except ExperimentError as error:
        reporter.message(f"Error: {error}", "bold red", important=True)
    except (BotoCoreError, ClientError) as error:
        reporter.message(f"Error: AWS said: {error}", "bold red", important=True)
    except OSError as error:
        said = f"{error.filename or 'a file'}: {error.strerror}" if error.strerror else str(error)
        reporter.message(f"Error: {said}", "bold red", important=True)
    return 1
