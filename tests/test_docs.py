"""What the pages point at is there: files, functions, headings, and commands that run after `make setup`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosmic_fmi.cli.catalogue import modules
from cosmic_fmi.experiment.paths import REPOSITORY

PAGES = [
    *sorted(REPOSITORY.glob("*.md")),
    *sorted(REPOSITORY.glob("docs/**/*.md")),
    *sorted(REPOSITORY.glob("terraform/**/README.md")),
]
LINK = re.compile(r"\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)")
COMMAND = re.compile(r"^(?:    |\$ )?([^`\s]*)python (-m [\w.]+|scripts/\w+\.py)", re.MULTILINE)
CONSOLE = re.compile(r"^(?:    |\$ )(?:nice )?(\S*)cosmic-fmi ([\w-]+)", re.MULTILINE)
NAMED = re.compile(r"`(?:\.venv/bin/)?cosmic-fmi ([\w-]+)")
SOURCE = re.compile(r"(?<![\w/.-])((?:\w+/)+\w+\.py)(?::([\w.]*\w))?")
FOLDERS = {entry.name for entry in REPOSITORY.iterdir() if entry.is_dir()}
INTERNALS = REPOSITORY / "docs" / "internals.md"


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in LINK.findall(page.read_text()):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_commands_name_the_environment_and_what_there_is(page: Path) -> None:
    for environment, what in COMMAND.findall(page.read_text()):
        # A bare python is not the one that `make setup` installs into, and on some systems there is none.
        assert environment == ".venv/bin/", what
        path = REPOSITORY / what.removeprefix("-m ").replace(".", "/")
        named = REPOSITORY / what if what.startswith("scripts/") else path
        assert named.is_file() or named.with_suffix(".py").is_file() or (named / "__main__.py").is_file(), (
            what
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_the_console_command_has_what_pages_tell_people_to_type(page: Path) -> None:
    text = page.read_text()
    for environment, name in CONSOLE.findall(text):
        assert environment == ".venv/bin/", name
        assert name in modules() or name.startswith("--"), name
    for name in NAMED.findall(text):
        assert name in modules() or name.startswith("--"), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_python_files_and_functions_that_pages_name_exist(page: Path) -> None:
    for path, name in SOURCE.findall(page.read_text()):
        if path.partition("/")[0] not in FOLDERS:
            continue  # a file of the course's, or one that its page names without its folder
        assert (REPOSITORY / path).is_file(), path
        assert not name or name in defined(REPOSITORY / path), f"{path}:{name}"


def test_internals_name_a_function_at_every_step() -> None:
    steps = re.findall(r"^\d+\. (.*(?:\n +.*)*)", INTERNALS.read_text(), re.MULTILINE)
    assert len(steps) > 30
    for step in steps:
        assert any(name for _, name in SOURCE.findall(step)), step


def defined(path: Path) -> set[str]:
    """The functions and classes of a file, methods as `Class.method`."""
    return set(_names(ast.parse(path.read_text()), ""))


def _names(node: ast.AST, prefix: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + child.name
            yield from _names(child, f"{prefix}{child.name}.")
