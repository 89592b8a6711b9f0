"""Wildcards in policies: whole texts, and ARNs part by part."""

from __future__ import annotations

import re
from functools import lru_cache

_ARN_PARTS = 6


@lru_cache(maxsize=4096)
def _pattern(text: str, *, fold: bool) -> re.Pattern[str]:
    parts = [{"*": ".*", "?": "."}.get(part, re.escape(part)) for part in re.split(r"([*?])", text)]
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if fold else 0))


def like(pattern: str, text: str, *, fold: bool = False) -> bool:
    """Whether `text` is as `pattern` says, where * is any text and ? any character; `fold` ignores case."""
    return _pattern(pattern, fold=fold).fullmatch(text) is not None


def arn_like(pattern: str, arn: str) -> bool:
    """Whether an ARN is as the pattern says.

    Wildcards stay within one of the parts between colons; the last part holds all that follows.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    if pattern in {"*", arn}:
        return True
    wanted, given = pattern.split(":", _ARN_PARTS - 1), arn.split(":", _ARN_PARTS - 1)
    return len(wanted) == len(given) == _ARN_PARTS and all(map(like, wanted, given))
