"""What each rank of :func:`cosmic_fmi.run` runs. It travels as ``main.py``, with cloudpickle and the pickled
call beside it, and leaves what the function returned or raised in OUTPUT_PATH.
"""

from __future__ import annotations

import json
import linecache
import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle

import fmi
from cosmic_fmi.common.contract.variables import Variable

CALL = "call.pickle"
SOURCES = "sources.json"
"""Lines of source by file name, for tracebacks."""
RETURNED = "returned.pickle"
RAISED = "raised.json"


def main() -> None:
    """Call the function; a failure is written down and raised."""
    here, output = Path(__file__).parent, Path(os.environ[Variable.OUTPUT_PATH])
    _show_lines_of(json.loads((here / SOURCES).read_text()))
    try:
        call = cloudpickle.loads((here / CALL).read_bytes())
        returned = cloudpickle.dumps(_mapped(**call) if "items" in call else _called(**call))
    except BaseException as error:
        (output / RAISED).write_text(json.dumps(_described(error)))
        raise
    (output / RETURNED).write_bytes(returned)


def _called(
    function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object], *, talks: bool
) -> object:
    if not talks:
        return function(*args, **kwargs)
    with fmi.from_env() as comm:
        return function(comm, *args, **kwargs)


def _mapped(function: Callable[[object], object], items: list[object]) -> list[object]:
    """What the function returns for this rank's items, which are dealt out one by one."""
    rank, size = int(os.environ[Variable.RANK]), int(os.environ[Variable.WORLD_SIZE])
    done = []
    for index in range(rank, len(items), size):
        try:
            done.append(function(items[index]))
        except Exception as error:
            error.add_note(f"for item {index}: {items[index]!r:.200}")
            raise
    return done


def _described(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    return {
        "type": kind.__name__,
        "message": str(error),
        "traceback": "".join(traceback.format_exception(error)),
        "at": time.time(),
        "is_fmi": kind.__module__.partition(".")[0] == "fmi",
    }


def _show_lines_of(sources: dict[str, list[str]]) -> None:
    for name, lines in sources.items():
        # Without a time, linecache does not look for the file.
        linecache.cache[name] = (sum(map(len, lines)), None, lines, name)


if __name__ == "__main__":
    main()
