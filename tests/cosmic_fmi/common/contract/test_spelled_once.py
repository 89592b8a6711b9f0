"""What the contract names is spelled there and nowhere else in the programs that keep to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosmic_fmi.common.contract.variables import Variable

ROOT = Path(__file__).parents[4]
HOME = ROOT / "cosmic_fmi" / "common"

PLACES = ("executions/", "ranks.json", "outcomes/", "failures/", "attempts/", "combined_data.json")
CODES = ("NoSuchKey", "NoSuchBucket", "404", "list_objects_v2")
VARIABLES = {str(one) for one in Variable}
OF_A_FUNCTION = ("containers/executor/handlers/publish_address.py: RENDEZVOUS_PORT",)
"""A setting of that function, which Terraform gives it."""

SOURCES = [
    path
    for package in ("containers/executor", "cosmic_fmi", "inference")
    for path in sorted((ROOT / package).rglob("*.py"))
    if not path.is_relative_to(HOME)
]


def strings(path: Path) -> Iterator[str]:
    """The strings of a source file that no human reads: without blanks, and no docstrings."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            yield node.value


@pytest.mark.parametrize("words", [PLACES, CODES], ids=["places", "S3"])
def test_places_and_codes(words: tuple[str, ...]) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in SOURCES
        for text in strings(path)
        if any(text.startswith(word) for word in words)
    }
    assert not found


def test_variables_of_a_rank() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {text}" for path in SOURCES for text in strings(path) if text in VARIABLES
    }
    assert not found - set(OF_A_FUNCTION)
