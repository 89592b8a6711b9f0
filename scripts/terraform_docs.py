#!/usr/bin/env python3
"""Write the tables in the READMEs of Terraform modules: requirements, resources, inputs, outputs.

They stand between two markers, like terraform-docs would put them there:

    scripts/terraform_docs.py            write them anew
    scripts/terraform_docs.py --check    exit with status 1, naming the READMEs whose tables are not current
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parents[1] / "terraform"
BEGIN, END = "<!-- tables of scripts/terraform_docs.py -->", "<!-- end of tables -->"

# A block of HCL as python-hcl2 gives it: strings keep their quotes, expressions are "${…}".
Block = dict[str, Any]


def plain(value: str) -> str:
    """A string without its quotes, an expression without its braces."""
    if value.startswith('"'):
        return value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return re.sub(r"\$\{(.*)\}", r"\1", value, flags=re.DOTALL)


@cache
def parsed(text: str) -> Block:
    """The blocks of a file, not to be changed: reading one takes tenths of a second, so it is done once."""
    found: Block = hcl2.loads(text)
    return found


class Module:
    """What the .tf files of a folder declare."""

    def __init__(self, folder: Path) -> None:
        self._blocks: Block = {}
        for path in sorted(folder.glob("*.tf")):
            for kind, found in parsed(path.read_text()).items():
                self._blocks.setdefault(kind, []).extend(found)

    def named(self, kind: str) -> Iterator[tuple[str, Block]]:
        """(name, block) of variables, outputs or modules, by name."""
        blocks = [(plain(name), body) for each in self._blocks.get(kind, []) for name, body in each.items()]
        yield from sorted(blocks, key=lambda block: block[0])

    def resources(self, kind: str) -> Iterator[tuple[str, str]]:
        """(type, name) of `resource` or `data` blocks, in order."""
        for each in self._blocks.get(kind, []):
            for family, names in each.items():
                yield from ((plain(family), plain(name)) for name in names)

    def requirements(self) -> Iterator[tuple[str, str]]:
        """(name, version) of Terraform and of every provider."""
        for block in self._blocks.get("terraform", []):
            yield "terraform", plain(block["required_version"])
            for providers in block.get("required_providers", []):
                for wanted in providers.values():
                    if isinstance(wanted, dict):
                        yield plain(wanted["source"]), plain(wanted["version"])


def default_of(variable: Block) -> str:
    """A variable's default as code; a word where it has none."""
    if "default" not in variable:
        return "required"
    value = variable["default"]
    return f"`{plain(value) if isinstance(value, str) else json.dumps(value)}`"


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A section with a Markdown table; nothing when there are no rows."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    if not lines:
        return []
    return [f"## {title}", "", "| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads), *lines, ""]


def tables(folder: Path) -> str:
    """All tables of a module."""
    module = Module(folder)
    resources = [(kind, *each) for kind in ("resource", "data") for each in module.resources(kind)]
    inputs = [
        (f"`{name}`", plain(block["description"]), f"`{plain(block['type'])}`", default_of(block))
        for name, block in module.named("variable")
    ]
    calls = [(f"`{name}`", f"`{plain(block['source'])}`") for name, block in module.named("module")]
    outputs = [(f"`{name}`", plain(block["description"])) for name, block in module.named("output")]
    lines = [
        *table("Requirements", ("name", "version"), [(f"`{n}`", f"`{v}`") for n, v in module.requirements()]),
        *table("Modules", ("name", "source"), calls),
        *table("Resources", ("name", "kind"), [(f"`{t}.{n}`", kind) for kind, t, n in sorted(resources)]),
        *table("Inputs", ("name", "description", "type", "default"), inputs),
        *table("Outputs", ("name", "description"), outputs),
    ]
    return "\n".join(lines)


def rewritten(readme: Path) -> str:
    """A README's text with current tables. Raises ValueError when it lacks the markers."""
    text = readme.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{readme} needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{tables(readme.parent)}\n{END}{after}"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when every README is current."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing, fail if something would change")
    parser.add_argument("--root", type=Path, default=ROOT, help="the root module (default: terraform/)")
    arguments = parser.parse_args(argv)
    stale = []
    for folder in [arguments.root, *sorted(path for path in (arguments.root / "modules").iterdir())]:
        readme = folder / "README.md"
        try:
            text = rewritten(readme)
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr)
            return 1
        if text != readme.read_text():
            stale.append(str(readme))
            if not arguments.check:
                readme.write_text(text)
    if stale and arguments.check:
        print(f"not current: {', '.join(stale)}; run scripts/terraform_docs.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
