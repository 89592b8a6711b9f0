"""The order in which people number files: 2.pt comes before 10.pt."""

import re

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(name: str) -> tuple[list[str | int], str]:
    """A sort key that puts 2.pt before 10.pt (and 01.pt before 1.pt)."""
    # Splitting at a group alternates text and digits, so that two keys never compare a number with a string.
    parts: list[str | int] = [
        int(part) if index % 2 else part for index, part in enumerate(_DIGITS.split(name))
    ]
    return parts, name
