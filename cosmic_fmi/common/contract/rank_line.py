"""The lines in the log of a rank's invocation between which its script has the word.

The first says which rank of which execution it is: whoever follows the log of a running world, or of one that
was stopped, can tell by no other means. The other one comes where the script failed, and its error behind it.
"""

from __future__ import annotations

import re

_FAILED = re.compile(r"\[ERROR\]\t[^\t]*\t[^\t]*\trank \d+ failed\b")
_LINE = re.compile(r"RANK (\d+) EXECUTION (\S+)\s*")


def rank_line(execution_id: str, rank: int) -> str:
    """The line, without an end."""
    return f"RANK {rank} EXECUTION {execution_id}"


def parse_rank_line(line: str) -> tuple[str, int] | None:
    """The execution's id and the rank; None for any other line."""
    found = _LINE.fullmatch(line)
    return (found[2], int(found[1])) if found else None


def is_end_of_script(line: str) -> bool:
    """Whether what follows is the executor's account of an error."""
    return _FAILED.match(line) is not None
