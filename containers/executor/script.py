"""Runs a script in this process, as ``python script.py`` would, and leaves the process as it found it.

In-process because a warm Lambda environment then keeps what is dear to import (torch) between invocations;
only the modules of the bundle itself are dropped, so that the next invocation runs the code it downloaded.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TextIO

TAIL_LINES = 40
LINE_LENGTH = 500
TRACEBACK_LENGTH = 4000
"""Characters of a traceback that are kept: an execution's cause holds 32,768 on AWS, shared by all of it."""


@dataclass(frozen=True)
class ScriptResult:
    """How a script ended. ``exit_code`` is 0 on success; ``error_type`` and what follows are None then."""

    exit_code: int
    output_tail: list[str]
    error_type: str | None = None
    error_message: str | None = None
    traceback: str | None = None


class Tail:
    """The last lines of a text stream that passes through to another one."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self._open = ""
        self._lock = threading.Lock()

    def add(self, text: str) -> None:
        """Take in more text; lines may arrive in pieces and from several threads."""
        with self._lock:
            *complete, rest = (self._open + text).split("\n")
            self._lines.extend(line[-LINE_LENGTH:] for line in complete)
            self._open = rest[-LINE_LENGTH:]

    def lines(self) -> list[str]:
        """The last lines, the unfinished one included."""
        with self._lock:
            return [*self._lines, self._open][-TAIL_LINES:] if self._open else list(self._lines)


class _Tee:
    """A text stream that writes to another and shows a tail what it wrote; all else is the other's."""

    def __init__(self, stream: TextIO, tail: Tail) -> None:
        self._stream = stream
        self._tail = tail

    def write(self, text: str) -> int:
        self._tail.add(text)
        return self._stream.write(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def run(path: Path, bundle_root: Path) -> ScriptResult:
    """Run the script at ``path``; never raises what the script raises.

    The working directory and the first import directory are the script's own. What it changes of the process'
    directory, import path and arguments is undone, and modules below ``bundle_root`` are forgotten.
    """
    tail = Tail()
    with _as_main(path, bundle_root), _tee(tail):
        return _run(path, tail)


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a while; at the end all of them are as they were, those a script set
    included.
    """
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _run(path: Path, tail: Tail) -> ScriptResult:
    try:
        if not path.is_file():
            raise FileNotFoundError(f"the script {path} is not in the bundle")
        runpy.run_path(str(path), run_name="__main__")
    except SystemExit as stop:
        return _exited(stop, tail)
    except (
        BaseException
    ) as error:  # whatever a script raises is its result: the rank's outcome must be written
        frames = _frames_of_script(error.__traceback__)
        text = "".join(traceback.format_exception(type(error), error, frames))
        return ScriptResult(1, tail.lines(), type(error).__name__, str(error), text[-TRACEBACK_LENGTH:])
    return ScriptResult(0, tail.lines())


def _exited(stop: SystemExit, tail: Tail) -> ScriptResult:
    """What ``sys.exit`` means: nothing or 0 is success, a number the exit code, anything else a message and
    1.
    """
    if stop.code is None or stop.code == 0:
        return ScriptResult(0, tail.lines())
    if isinstance(stop.code, int):
        return ScriptResult(
            stop.code, tail.lines(), "SystemExit", f"the script exited with status {stop.code}"
        )
    return ScriptResult(1, tail.lines(), "SystemExit", f"the script exited with: {stop.code}")


def _frames_of_script(frames: TracebackType | None) -> TracebackType | None:
    """Skip the frames of this file and of runpy, which tell the script's author nothing."""
    while frames is not None and frames.tb_frame.f_code.co_filename in (
        __file__,
        "<frozen runpy>",
        runpy.__file__,
    ):
        frames = frames.tb_next
    return frames


@contextmanager
def _tee(tail: Tail) -> Iterator[None]:
    with redirect_stdout(_Tee(sys.stdout, tail)), redirect_stderr(_Tee(sys.stderr, tail)):  # type: ignore[type-var]
        yield


@contextmanager
def _as_main(path: Path, bundle_root: Path) -> Iterator[None]:
    """The process as the script expects it, and as it was before when the script is done."""
    before = Path.cwd(), list(sys.path), list(sys.argv), sys.dont_write_bytecode
    try:
        if path.parent.is_dir():
            os.chdir(path.parent)
        sys.path.insert(0, str(path.parent))
        sys.argv = [str(path)]
        # A .pyc is trusted by its source's second and size, which two versions of a bundle may share.
        sys.dont_write_bytecode = True
        importlib.invalidate_caches()
        yield
    finally:
        cwd, sys.path[:], sys.argv, sys.dont_write_bytecode = before
        os.chdir(cwd)
        _drop_modules_below(bundle_root)


def _drop_modules_below(root: Path) -> None:
    folder = root if root.is_dir() else root.parent
    for name, module in list(sys.modules.items()):
        if any(Path(place).is_relative_to(folder) for place in _places(module)):
            del sys.modules[name]


def _places(module: ModuleType) -> list[str]:
    """Where a module was loaded from; a namespace package has only a path."""
    origin = getattr(module, "__file__", None)
    return [origin] if origin else list(getattr(module, "__path__", []))
