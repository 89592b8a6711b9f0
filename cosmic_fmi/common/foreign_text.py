"""Text that a script, an object's key or a server made up, fit to be shown and to be kept in a table.

Both functions give back a text that they gave once.
"""

from __future__ import annotations

import re

# C0 and C1 control characters, DEL, lone surrogates, and the marks that turn the direction of writing around:
# in a terminal they move the cursor, set its title, or make a line look like another one.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# Source: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def shown(text: str) -> str:
    """``text`` with control characters written out, such as ``\\x1b``; tabs and line ends stay."""
    return _CONTROL.sub(_escaped, text)


def cell(value: object) -> object:
    """What to write into a CSV file for ``value``: no spreadsheet takes a text for a formula.

    A text that begins like one gets an apostrophe in front, as OWASP advises; numbers stay numbers.
    """
    if not isinstance(value, str):
        return value
    formula = value.startswith(_FORMULA) and not _is_number(value)
    return f"'{shown(value)}" if formula else shown(value)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and text == text.strip()
