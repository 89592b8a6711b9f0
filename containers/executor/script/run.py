"""Runs a script in this process, as ``python script.py`` would, and restores the process afterwards.

In-process, so that a warm Lambda environment keeps modules that are slow to import (torch) between
invocations. Only the modules of the bundle are removed: the next invocation runs the code it downloaded.
"""

from __future__ import annotations

import concurrent.futures.thread
import importlib
import logging
import os
import runpy
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from containers.executor.script.bundle_modules import bundle_first
from containers.executor.script.output import capture

log = logging.getLogger(__name__)

MESSAGE_LENGTH = 2000
TRACEBACK_LENGTH = 4000
"""Characters of a message and a traceback that are kept: an execution's cause holds 32,768 on AWS, shared by
all of it, and a task that answers with more than 256 KiB ends with an error that no state can catch.
"""


@dataclass(frozen=True)
class ScriptResult:
    """How a script ended. ``exit_code`` is 0 on success; ``error_type`` and what follows are None then."""

    exit_code: int
    output_tail: list[str] = field(default_factory=list)
    error_type: str | None = None
    error_message: str | None = None
    traceback: str | None = None


def run(path: Path, bundle_root: Path, arguments: Sequence[str] = ()) -> ScriptResult:
    """Run the script at ``path``; never raises what the script raises.

    The working directory and the first import directory are the script's own, the second one is the bundle's.
    Afterwards the process' directory, import path, arguments, timer, logging and folder for temporary files
    are restored, and modules below ``bundle_root`` are removed from memory.
    """
    process, threads = os.getpid(), set(threading.enumerate())
    folders = list(dict.fromkeys([path.parent, bundle_root])) if bundle_root.is_dir() else [path.parent]
    with bundle_first(folders, bundle_root), _as_main(path, folders, arguments), capture() as tail:
        result = _run(path)
        if os.getpid() != process:
            _end_copy(result)
        if result.exit_code == 0:  # after an error the other ranks should hear of it first
            _wait_for_threads(threads)
    return replace(result, output_tail=tail.lines())


def shorten(text: str) -> str:
    """A message that fits into an error, whatever a script put into it; what is no valid text is escaped."""
    printable = text.encode(errors="backslashreplace").decode()
    return printable if len(printable) <= MESSAGE_LENGTH else printable[: MESSAGE_LENGTH - 1] + "…"


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables in a block; at its end the whole environment is restored."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _run(path: Path) -> ScriptResult:
    try:
        if not path.is_file():
            raise FileNotFoundError(f"the script {path} is not in the bundle")
        runpy.run_path(str(path), run_name="__main__")
    except SystemExit as stop:
        return _exited(stop)
    except BaseException as error:  # whatever a script raises is its result, and the rank's outcome
        return _raised(error)
    return ScriptResult(0)


def _raised(error: BaseException) -> ScriptResult:
    frames = _frames_of_script(error.__traceback__)
    text = "".join(map(shorten, traceback.format_exception(type(error), error, frames)))
    try:
        message = str(error)
    except Exception:  # its class is the script's, too
        message = "<str() of the exception failed>"
    return ScriptResult(
        1,
        error_type=type(error).__name__,
        error_message=shorten(message),
        traceback=text[-TRACEBACK_LENGTH:],
    )


def _exited(stop: SystemExit) -> ScriptResult:
    """What ``sys.exit`` means: nothing or 0 is success, a number the exit code, anything else a message and
    1.
    """
    if stop.code is None or stop.code == 0:
        return ScriptResult(0)
    if isinstance(stop.code, int):
        message = f"the script exited with status {stop.code}"
        return ScriptResult(stop.code, error_type="SystemExit", error_message=message)
    message = shorten(f"the script exited with: {stop.code}")
    return ScriptResult(1, error_type="SystemExit", error_message=message)


def _end_copy(result: ScriptResult) -> NoReturn:
    """End a process that the script forked and that came to the script's end, as it would by itself.

    The rank's outcome and the invocation's answer are for the process that Lambda started.
    """
    if result.traceback:
        print(result.traceback, file=sys.stderr, end="")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(result.exit_code & 0xFF)


def _wait_for_threads(before: Collection[threading.Thread]) -> None:
    """Let the script's threads end, as the interpreter does: Lambda stops them when the handler returns."""
    for thread in threading.enumerate():
        # A pool's workers end with the pool, and one that outlives the script is a library's. There is no
        # public way to tell them.
        if thread in before or thread.daemon or thread in concurrent.futures.thread._threads_queues:
            continue
        log.info("waiting for the script's thread %s to end", thread.name)
        thread.join()


def _frames_of_script(frames: TracebackType | None) -> TracebackType | None:
    """Skip the frames of this file and of runpy, which do not help the script's author."""
    while frames is not None and frames.tb_frame.f_code.co_filename in (
        __file__,
        "<frozen runpy>",
        runpy.__file__,
    ):
        frames = frames.tb_next
    return frames


@contextmanager
def _as_main(path: Path, folders: Sequence[Path], arguments: Sequence[str]) -> Iterator[None]:
    """Prepare the process for the script, and restore it afterwards."""
    root = logging.getLogger()
    before = Path.cwd(), list(sys.path), list(sys.argv), sys.dont_write_bytecode, tempfile.tempdir
    log_handlers, log_level, logging_off = list(root.handlers), root.level, root.manager.disable
    try:
        if path.parent.is_dir():
            os.chdir(path.parent)
        sys.path[:0] = map(str, folders)
        sys.argv = [str(path), *arguments]
        # A .pyc is trusted by its source's second and size, which two versions of a bundle may share.
        sys.dont_write_bytecode = True
        importlib.invalidate_caches()
        yield
    finally:
        cwd, sys.path[:], sys.argv, sys.dont_write_bytecode, tempfile.tempdir = before
        os.chdir(cwd)
        signal.setitimer(signal.ITIMER_REAL, 0)  # signal.alarm's too; it would end another execution
        root.handlers[:] = log_handlers
        root.setLevel(log_level)
        logging.disable(logging_off)
