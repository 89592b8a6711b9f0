"""A module whose name begins with an underscore is imported only inside its package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, as far as their names tell."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def private_package(module: str) -> str | None:
    """The package whose private module this is, or is in."""
    parts = module.split(".")
    for place, part in enumerate(parts):
        if part.startswith("_") and ROOT.joinpath(*parts[: place + 1]).with_suffix(".py").exists():
            return ".".join(parts[:place])
    return None


def test_private_modules_are_private() -> None:
    foreign = []
    for path in sorted((ROOT / "fmi").rglob("*.py")):
        if path == ROOT / "fmi" / "__init__.py":  # hands on the public names
            continue
        importer = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for module in imported(path):
            package = private_package(module) if module.startswith("fmi.") else None
            if package is not None and not importer.startswith(f"{package}."):
                foreign.append(f"{importer} imports {module}")
    assert foreign == []
