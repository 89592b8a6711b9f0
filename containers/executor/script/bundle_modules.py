"""Imports of a script: the bundle's own modules come first, and are removed from memory afterwards.

A warm environment has modules in memory that ``python script.py`` would not have, and an import takes a
module from memory before it looks into any folder. So a module of the bundle with the name of an installed
one would be found in a fresh environment and not in a warm one. While the script runs, the installed one is
removed from ``sys.modules``.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder, all_suffixes
from pathlib import Path
from types import FunctionType, ModuleType

log = logging.getLogger(__name__)

_STARTUP = frozenset(
    (
        *("__main__", "_collections_abc", "abc", "codecs", "encodings", "genericpath", "io", "os"),
        *("posixpath", "runpy", "site", "stat", "zipimport"),
        *sys.builtin_module_names,
    )
)
"""What the interpreter has loaded before it looks into the script's folder; no file there replaces it."""


@contextmanager
def bundle_first(folders: Iterable[Path], root: Path) -> Iterator[None]:
    """Let imports find modules in ``folders`` before those in memory.

    At the end the modules below ``root`` are removed from memory, and so are installed modules that were
    loaded meanwhile and imported one of them. The modules that had their names in memory are restored.
    """
    before = set(sys.modules)
    aside = _set_aside(names_in(folders))
    try:
        yield
    finally:
        ours = {name: module for name, module in sys.modules.items() if _is_below(module, root)}
        new = {name: sys.modules[name] for name in sys.modules.keys() - before - ours.keys()}
        misled = _misled(new, {name: ours[name] for name in ours if _is_installed(name)})
        for name in {*ours, *misled}:
            del sys.modules[name]
        sys.modules.update(aside)


def names_in(folders: Iterable[Path]) -> set[str]:
    """The modules and regular packages that an import finds in these folders."""
    return {name for folder in folders if folder.is_dir() for name in map(_name, folder.iterdir()) if name}


def _name(entry: Path) -> str | None:
    if (entry / "__init__.py").is_file():
        return entry.name
    suffix = next((end for end in all_suffixes() if entry.name.endswith(end)), None)
    return entry.name.removesuffix(suffix) if suffix else None


def _set_aside(names: Collection[str]) -> dict[str, ModuleType]:
    """Take modules of these names, and what is below them, out of memory; returns them."""
    aside = {name: module for name, module in sys.modules.items() if _top(name) in names}
    aside = {name: module for name, module in aside.items() if _top(name) not in _STARTUP}
    for name in aside:
        del sys.modules[name]
    return aside


def _misled(new: dict[str, ModuleType], ours: dict[str, ModuleType]) -> set[str]:
    """The names in ``new`` whose globals hold one of ``ours``, or something of it, or another such one's."""
    misled: dict[str, ModuleType] = {}
    found = dict(ours)
    while found:
        misled |= found
        found = {name: new[name] for name in new.keys() - misled.keys() if _holds(new[name], misled)}
    native = {
        _top(name) for name, module in new.items() if _origin(module).endswith(tuple(EXTENSION_SUFFIXES))
    }
    names = misled.keys() - ours.keys()
    if kept := {name for name in names if _top(name) in native}:
        # Native modules cannot be loaded twice.
        log.warning("%s go on with modules of this bundle", ", ".join(sorted(kept)))
    return names - kept


def _holds(module: ModuleType, misled: dict[str, ModuleType]) -> bool:
    modules = {id(one) for one in misled.values()}
    return any(
        id(value) in modules or (isinstance(value, FunctionType | type) and value.__module__ in misled)
        for value in list(vars(module).values())
    )


def _is_installed(name: str) -> bool:
    """Whether an import in the next execution finds something else of this name."""
    return PathFinder.find_spec(_top(name)) is not None or _top(name) in sys.stdlib_module_names


def _is_below(module: ModuleType, root: Path) -> bool:
    return _lies_in(module, root if root.is_dir() else root.parent)


def modules_below(folder: Path) -> dict[str, ModuleType]:
    """The modules in memory that were loaded from below a folder, by name."""
    return {name: module for name, module in list(sys.modules.items()) if _lies_in(module, folder)}


def _lies_in(module: ModuleType, folder: Path) -> bool:
    return any(Path(place).is_relative_to(folder) for place in _places(module))


def _places(module: ModuleType) -> list[str]:
    """Where a module was loaded from; a namespace package has only a path."""
    origin = _origin(module)
    return [origin] if origin else list(getattr(module, "__path__", []))


def _origin(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or ""


def _top(name: str) -> str:
    return name.partition(".")[0]
