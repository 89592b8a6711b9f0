"""Each package's docstring is a map of its folder, and no folder is too large to be read at a glance."""

from __future__ import annotations

import ast
import re
from pathlib import Path, PurePath

import pytest

from cosmic_fmi.experiment.paths import REPOSITORY

MOST_FILES = 15
MAPPED = ("cosmic_fmi", "fmi", "inference", "containers")
COUNTED = ("fmi", "cosmic_fmi", "inference", "containers", "tests")
IGNORED = {"__init__.py", "__main__.py"}
FILE = re.compile(r"((?:\w+/)*\w+)(\.(?:py|json|j2|c|h|html\.j2)|/)(?!\w)")


def folders(tops: tuple[str, ...]) -> dict[str, set[str]]:
    """Folders below these, as paths from the repository, with the names of what lies in each."""
    found = {}
    for top in tops:
        for path in [REPOSITORY / top, *(REPOSITORY / top).rglob("*/")]:
            if "__pycache__" not in path.parts:
                found[path.relative_to(REPOSITORY).as_posix()] = {
                    f"{entry.name}/" if entry.is_dir() else entry.name
                    for entry in path.iterdir()
                    if entry.name[0] != "." and entry.suffix != ".so"
                }
    return found


FOLDERS = folders(COUNTED)
PACKAGES = [name for name in sorted(folders(MAPPED)) if (REPOSITORY / name / "__init__.py").is_file()]


def map_of(package: str) -> str:
    source = (REPOSITORY / package / "__init__.py").read_text()
    return ast.get_docstring(ast.parse(source)) or ""


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_names_its_modules(package: str) -> None:
    modules = {name for name in FOLDERS[package] if name.endswith(".py") and name not in IGNORED}
    packages = {f"{Path(name).name}/" for name in PACKAGES if str(PurePath(name).parent) == package}
    missing = {name for name in modules | packages if not re.search(rf"\b{re.escape(name)}", map_of(package))}
    assert not missing


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_names_nothing_that_is_gone(package: str) -> None:
    named = {"".join(found) for found in FILE.findall(map_of(package))}
    assert {name for name in named if not (REPOSITORY / package / name).exists()} == set()


def test_every_folder_of_modules_is_a_package() -> None:
    tops = MAPPED
    modules = {name for name in folders(tops) if any(file.endswith(".py") for file in FOLDERS[name])}
    assert {name for name in modules if "__init__.py" not in FOLDERS[name]} <= {"inference/bundle/Inference"}


def test_no_folder_has_too_many_files() -> None:
    files = {folder: sum(not name.endswith("/") for name in names) for folder, names in FOLDERS.items()}
    assert {folder: count for folder, count in files.items() if count > MOST_FILES} == {}
