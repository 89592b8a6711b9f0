"""A function as a program that ranks can run: pickled by value, with what reads it."""

from __future__ import annotations

import inspect
import io
import json
import linecache
import re
import shutil
import site
import sys
import sysconfig
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import cloudpickle

from cosmic_fmi.api.errors import FunctionError
from cosmic_fmi.api.on_rank import CALL, SOURCES
from cosmic_fmi.experiment.paths import REPOSITORY

MAIN = "main.py"
COMMUNICATOR = "comm"
"""A first parameter of this name is given the communicator."""
_NO_FILE = "<dynamic-code>"
_ON_RANKS = ("cosmic_fmi", "fmi", "fmilib", "inference")
"""Packages of this project that the image has."""


def name_of(function: Callable[..., object]) -> str:
    """A name for run ids and folders; ``lambda`` for one that has none."""
    name = getattr(function, "__name__", type(function).__name__)
    return re.sub(r"\W", "", name, flags=re.ASCII) or "function"


def wants_communicator(function: Callable[..., object]) -> bool:
    """Whether its first parameter is called ``comm``."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # one that is written in C
        return False
    return next(iter(parameters), None) == COMMUNICATOR


def write_program(folder: Path, call: Mapping[str, Any]) -> Path:
    """Make a folder whose ``main.py`` makes the call on a rank; ``call`` are its arguments there.

    Raises :class:`FunctionError` where something cannot be pickled.
    """
    pickled, sources = _pickled(call)
    folder.mkdir(parents=True)
    (folder / CALL).write_bytes(pickled)
    (folder / SOURCES).write_text(json.dumps(sources))
    shutil.copyfile(Path(__file__).with_name("on_rank.py"), folder / MAIN)
    # This version, not one that the image may have: what one pickles, another may not read.
    package = Path(cloudpickle.__file__).parent
    (folder / package.name).mkdir()
    for file in package.glob("*.py"):
        shutil.copyfile(file, folder / package.name / file.name)
    return folder


class _Pickler(cloudpickle.Pickler):
    """Keeps the names of files, which tracebacks show, where cloudpickle writes the same one for all code."""

    def __init__(self, file: io.BytesIO) -> None:
        self.files: set[str] = set()
        self._usual = cloudpickle.Pickler.dispatch_table[CodeType]
        self.dispatch_table = ChainMap({CodeType: self._code}, cloudpickle.Pickler.dispatch_table)
        super().__init__(file)

    def _code(self, code: CodeType) -> tuple[Any, ...]:
        make, arguments = self._usual(code)
        self.files.add(code.co_filename)
        return make, tuple(code.co_filename if one == _NO_FILE else one for one in arguments)


def _pickled(call: Mapping[str, Any]) -> tuple[bytes, dict[str, list[str]]]:
    """The call, and the lines of the files and notebook cells in which its code stands, by their names."""
    file = io.BytesIO()
    pickler = _Pickler(file)
    with _by_value():
        try:
            pickler.dump(dict(call))
        except Exception as error:  # whatever the objects' own code raises
            name = name_of(call["function"])
            raise FunctionError(
                f"{name} cannot be sent to the ranks with its arguments and the names that it uses: {error}. "
                f"Make what cannot be pickled (open files, connections, locks) inside {name}"
            ) from error
    return file.getvalue(), {name: linecache.getlines(name) for name in sorted(pickler.files)}


@contextmanager
def _by_value() -> Iterator[None]:
    """Let cloudpickle send modules of the user's own, which ranks cannot import, by value."""
    before = cloudpickle.list_registry_pickle_by_value()
    own = [module for name, module in list(sys.modules.items()) if _is_own(name, module, before)]
    for module in own:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in own:
            cloudpickle.unregister_pickle_by_value(module)


def _is_own(name: str, module: ModuleType | None, known: set[str]) -> bool:
    file = getattr(module, "__file__", None)
    if file is None or name == "__main__" or name != getattr(module, "__name__", None) or name in known:
        return False
    of_project = name.partition(".")[0] in _ON_RANKS and Path(file).is_relative_to(REPOSITORY)
    return not of_project and not any(Path(file).is_relative_to(place) for place in _installed())


def _installed() -> set[str]:
    """Where the standard library and installed packages lie."""
    paths = sysconfig.get_paths()
    places = {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    return places | set(site.getsitepackages()) | {site.getusersitepackages()}
