"""What every script does around its work: errors as sentences, Ctrl-C without a traceback, exit statuses."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError

from experiment.console import Reporter
from experiment.errors import ExperimentError

INTERRUPTED = 130


def guarded(work: Callable[[], int], reporter: Reporter) -> int:
    """The exit status of ``work``: its own, 1 after an error that is printed, 130 after Ctrl-C or a
    SIGTERM.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return work()
    except KeyboardInterrupt:
        reporter.say("Interrupted: what this run started is stopped.", "yellow")
        return INTERRUPTED
    except ExperimentError as error:
        reporter.say(f"Error: {error}", "bold red")
    except (BotoCoreError, ClientError) as error:
        reporter.say(f"Error: AWS said: {error}", "bold red")
    finally:
        signal.signal(signal.SIGTERM, before)
    return 1


def positive(text: str) -> int:
    """An argument that must be a whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def memory_size(text: str) -> int:
    """An argument that must be a memory size that Lambda accepts, in MB."""
    size = positive(text)
    if not 128 <= size <= 10_240:
        raise argparse.ArgumentTypeError(f"{text} MB: a function's memory is between 128 and 10240 MB")
    return size


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
