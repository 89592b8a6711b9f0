"""Lengths, ranges and patterns that botocore's models have for what a call is given.

boto3 itself checks only the smallest length; the service checks all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape


def complaints(shape: Shape | None, given: object, place: str = "") -> Iterator[str]:
    """What is wrong with a value, each in the words of AWS's validation."""
    if isinstance(shape, StructureShape) and isinstance(given, dict):
        for name, member in shape.members.items():
            key = member.serialization.get("name", name)
            if key in given:
                yield from complaints(member, given[key], _within(place, key))
    elif isinstance(shape, ListShape) and isinstance(given, list):
        yield from _size(shape, len(given), "length", given, place)
        for number, each in enumerate(given, 1):
            yield from complaints(shape.member, each, f"{place}.{number}.member")
    elif isinstance(shape, MapShape) and isinstance(given, dict):
        yield from _size(shape, len(given), "length", given, place)
    elif shape is not None and shape.type_name == "string" and isinstance(given, str):
        yield from _size(shape, len(given.encode()), "length", given, place)
        pattern = shape.metadata.get("pattern")
        if pattern and (compiled := _compiled(pattern)) and not compiled.fullmatch(given):
            yield _words(shape, given, place, f"satisfy regular expression pattern: {pattern}")
    elif shape is not None and shape.type_name in ("integer", "long") and type(given) is int:
        yield from _size(shape, given, "value", given, place)


def _size(shape: Shape, size: int, what: str, given: object, place: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if most is not None and size > most:
        yield _words(shape, given, place, f"have {what} less than or equal to {most}")
    if least is not None and size < least:
        yield _words(shape, given, place, f"have {what} greater than or equal to {least}")


def _words(shape: Shape, given: Any, place: str, constraint: str) -> str:  # noqa: ANN401 - whatever JSON holds
    value = "" if shape.metadata.get("sensitive") else f" '{given}'"
    return f"Value{value} at '{place}' failed to satisfy constraint: Member must {constraint}"


def _within(place: str, key: str) -> str:
    name = key[:1].lower() + key[1:]
    return f"{place}.{name}" if place else name


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """A pattern as Java reads it; None for the few that Python does not know."""
    try:
        return re.compile(pattern, re.ASCII)
    except re.error:
        return None
