"""What a function's process can import: what the image has, whatever else is installed on this machine.

Otherwise a script would run here with SciPy, which the tool itself needs, and fail on AWS.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

_IMAGE = Path("containers", "executor", "requirements.txt")
_OURS = "cosmic-fmi"
_INSTALLED = ("site-packages", "dist-packages")


@cache
def hidden_modules(code_root: Path) -> tuple[str, ...]:
    """Top-level modules of this machine's distributions that are not among the image's; none where the code
    has no list of those. It takes a second, so the daemon asks once.
    """
    path = code_root / _IMAGE
    if not path.is_file():
        return ()
    image = {_normalized(name) for name in re.findall(r"^([\w.-]+)==", path.read_text(), re.MULTILINE)}
    image.add(_OURS)
    return tuple(
        sorted(
            module
            for module, owners in packages_distributions().items()
            if module not in sys.stdlib_module_names and image.isdisjoint(map(_normalized, owners))
        )
    )


def hide(modules: Iterable[str]) -> None:
    """Let no import of this process find these among what is installed; in a script's folder it does."""
    _ImageFinder.hidden = frozenset(modules)
    sys.meta_path[:] = [_ImageFinder if finder is PathFinder else finder for finder in sys.meta_path]


class _ImageFinder(PathFinder):
    """Python's own search along ``sys.path``, which passes over installed packages that are hidden."""

    hidden: frozenset[str] = frozenset()

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is None and fullname in cls.hidden:
            path = [entry for entry in sys.path if not entry.endswith(_INSTALLED)]
        return super().find_spec(fullname, path, target)


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
