"""The modules beside a script that it imports, found without running it.

Every import counts, wherever it stands: one that is never made costs no more than a few kilobytes. A package
travels whole, with the data in it. Names that are only known when the script runs (``importlib``) are not
found: a program like that travels as a folder.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

from cosmic_fmi.experiment.errors import SweepError
from cosmic_fmi.experiment.program.junk import walk


def modules_beside(script: Path) -> list[Path]:
    """The files in the script's folder that it imports, directly or through one another, without itself.

    Raises :class:`SweepError` for a script that is no Python.
    """
    found: dict[Path, None] = {}
    seen, waiting = {script}, [script]
    while waiting:
        file = waiting.pop()
        for name in _imported(file, is_script=file == script):
            for path in _files_of(script.parent, name):
                found.setdefault(path)
                if path.suffix == ".py" and path not in seen:
                    seen.add(path)
                    waiting.append(path)
    found.pop(script, None)
    return sorted(found)


def _imported(file: Path, *, is_script: bool) -> Iterator[str]:
    """The first parts of the names that a file imports."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as those about escapes
            tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError) as error:
        if not is_script:
            return
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise SweepError(f"{file}{line} is no Python: {said}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def _files_of(folder: Path, name: str) -> list[Path]:
    """What an import of this name runs or may read; none for a module that lies elsewhere."""
    package = folder / name
    if (package / "__init__.py").is_file():
        return walk(package).files
    module = folder / f"{name}.py"
    if module.is_file():
        return [module]
    # A folder without __init__.py may be a package, or anything else that has the name.
    return [path for path in walk(package).files if path.suffix == ".py"] if package.is_dir() else []
