"""Pages of the documentation site: MkDocs calls this, as mkdocs.yml says.

Pages and the files that they link to keep their paths, so relative links lead where they lead on GitHub. The
reference is made here: pages of mkdocstrings for the names of `cosmic_fmi` and `fmi`, and the help of every
command.
"""

from __future__ import annotations

import argparse
import enum
import functools
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import cosmic_fmi
import fmi
from cosmic_fmi.cli.catalogue import GROUPS, Command, Group
from cosmic_fmi.cli.dispatch import help_text

PAGES = ("*.md", "docs/**/*.md", "terraform/**/README.md")
LINK = re.compile(r"\[([^\]]*)\]\((?![a-z]+:)([^)\s#]+)\)")
HELP_WIDTH = 80
COMMANDS = "reference/commands.md"

# The page of the Python interface: the same as below, of `cosmic_fmi`.
PYTHON = (
    "reference/python.md",
    "Python interface",
    "Functions, scripts and the inference from notebooks. [A guide](../docs/python.md) has examples.",
    ("run", "map", "results", "Run", "Results", "RunError", "RankError", "FunctionError"),
)

# The pages of the reference: path, title, a sentence, and what of `fmi` is on it.
REFERENCE = (
    (
        "reference/communicator.md",
        "Communicator",
        "How a program gets its communicator, and what that can do. [A guide](../docs/fmi.md) has examples.",
        ("from_env", "Communicator", "IN_PLACE", "hints", "finalize", "abort_world"),
    ),
    (
        "reference/requests.md",
        "Requests",
        "What the operations return that do not wait.",
        ("Request", "PersistentRequest", "waitall", "waitany"),
    ),
    (
        "reference/types.md",
        "Types and functions",
        "Types of values, and functions that reductions combine them with.",
        (
            "types",
            "datatypes",
            "func",
            "op",
            "MAX",
            "MIN",
            "SUM",
            "PROD",
            "LAND",
            "LOR",
            "LXOR",
            "BAND",
            "BOR",
            "BXOR",
        ),
    ),
    (
        "reference/errors.md",
        "Errors",
        "Every error that the library raises by itself.",
        (
            "FMIError",
            "ConfigError",
            "Timeout",
            "PeerFailure",
            "ChannelError",
            "RendezvousError",
            "MismatchError",
            "CommunicatorClosed",
        ),
    ),
    (
        "reference/channels.md",
        "Channels",
        "What a channel of your own implements. [A guide](../docs/fmi-channels.md) has an example.",
        ("Channel", "World", "register_channel", "Storage", "Store"),
    ),
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the navigation's entry for the reference."""
    pages: list[dict[str, str]] = [{title: path} for path, title, _, _ in REFERENCE]
    for entry in config.nav or []:
        if "Reference" in entry:
            entry["Reference"] = [{PYTHON[1]: PYTHON[0]}, *pages, {"Commands": COMMANDS}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of docs/ by all pages, what they link to, and the reference."""
    missing = set(fmi.__all__) - {name for *_, names in REFERENCE for name in names}
    if missing:
        raise PluginError(f"REFERENCE in scripts/docs_site.py has no page for fmi.{sorted(missing)[0]}")
    if set(cosmic_fmi.__all__) != set(PYTHON[3]):
        raise PluginError("PYTHON in scripts/docs_site.py has other names than cosmic_fmi")
    root = _root(config)
    themes = [file for file in files if file.src_dir != config.docs_dir]
    own = [_file(path, root, config) for path in sorted({*pages(root), *linked(root)})]
    return Files([*themes, *own, *_reference(config)])


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: object) -> str:
    """Point links to a folder at its README; a folder without one is not on the site."""
    folder = (_root(config) / page.file.src_uri).parent

    def fixed(link: re.Match[str]) -> str:
        text, target = link.groups()
        if not (folder / target).is_dir():
            return link[0]
        return f"[{text}]({target}/README.md)" if (folder / target / "README.md").exists() else text

    return LINK.sub(fixed, markdown)


def pages(root: Path) -> Iterator[Path]:
    """The Markdown pages of the repository."""
    for pattern in PAGES:
        yield from root.glob(pattern)


def linked(root: Path) -> Iterator[Path]:
    """The other files of the repository that its pages link to or show."""
    for page in pages(root):
        for _, target in LINK.findall(page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            if path.is_file() and path.is_relative_to(root):
                yield path


def commands() -> str:
    """A page with the help of every command, from its parser."""
    parts = ["# Commands", _code(help_text())]
    for group in GROUPS:
        for command in group.commands:
            parts += [f"## cosmic-fmi {command.name}", f"{_sentence(command.summary)}"]
            parts += [_code(text) for text in _helps(group, command)]
    return "\n\n".join(parts) + "\n"


def _helps(group: Group, command: Command) -> Iterator[str]:
    """The help of a command, and that of the commands below it."""
    made: argparse.ArgumentParser = import_module(f"{group.package}.{command.name}").parser()
    yield _help(made)
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from map(_help, action.choices.values())


def _help(parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = functools.partial(argparse.RawDescriptionHelpFormatter, width=HELP_WIDTH)
    return parser.format_help()


def _code(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + ("" if text.endswith("?") else ".")


def _reference(config: MkDocsConfig) -> Iterator[File]:
    for path, title, text, names in REFERENCE:
        yield File.generated(config, path, content=_page(title, text, map(_name, names)))
    path, title, text, names = PYTHON
    keywords = "::: cosmic_fmi.api.request.Request\n    options:\n      members: false"
    sections = [*(f"::: cosmic_fmi.{name}" for name in names), keywords]
    yield File.generated(config, path, content=_page(title, text, sections))
    yield File.generated(config, COMMANDS, content=commands())


def _page(title: str, text: str, sections: Iterable[str]) -> str:
    return "\n\n".join([f"# {title}", text, *sections]) + "\n"


def _name(name: str) -> str:
    """What mkdocstrings makes a section of; the members of an enumeration have no docstrings of their own."""
    is_enumeration = isinstance(getattr(fmi, name), enum.EnumMeta)
    return f"::: fmi.{name}" + "\n    options:\n      show_if_no_docstring: true" * is_enumeration


def _file(path: Path, root: Path, config: MkDocsConfig) -> File:
    return File(path.relative_to(root).as_posix(), str(root), config.site_dir, config.use_directory_urls)


def _root(config: MkDocsConfig) -> Path:
    return Path(config.docs_dir).parent
