"""What the parsers share: their form, and types of arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

from cosmic_fmi.common import numbers
from cosmic_fmi.common.numbers import count

T = TypeVar("T")


def new_parser(name: str, description: str | None, epilog: str) -> argparse.ArgumentParser:
    """A parser for ``cosmic-fmi NAME`` that shows both texts line by line as they are written."""
    return argparse.ArgumentParser(
        prog=f"cosmic-fmi {name}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def argument(read: Callable[[str], T]) -> Callable[[str], T]:
    """``read`` as the type of an argument, with its ValueError's own words in the message."""

    def wrapped(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None

    return wrapped


positive = argument(count)
"""An argument that must be a whole number of at least 1."""
memory_size = argument(numbers.memory_size)
"""A memory size that Lambda accepts, in MB."""
