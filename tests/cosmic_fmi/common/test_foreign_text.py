"""Texts of strangers move no cursor and are no formula."""

from __future__ import annotations

import pytest

from cosmic_fmi.common.foreign_text import cell, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rank 0 of 4: Ümlaut ✓\n\tmore", "rank 0 of 4: Ümlaut ✓\n\tmore"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("50 %\r100 %", "50 %\\x0d100 %"),
        ("\x9b31m\x7f\x00", "\\x9b31m\\x7f\\x00"),
        ("photo\u202egnp.exe", "photo\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
    ],
)
def test_control_characters_are_written_out(text: str, expected: str) -> None:
    assert shown(text) == expected
    assert shown(expected) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('=HYPERLINK("http://example.org")', '\'=HYPERLINK("http://example.org")'),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\\x0d=1"),
        ("\uff1d1", "'\uff1d1"),
        ("-1.5e-3", "-1.5e-3"),
        ("+4", "+4"),
        ("a = b", "a = b"),
        ("", ""),
        (-1.5, -1.5),
        (None, None),
        (True, True),
    ],
)
def test_a_text_that_looks_like_a_formula_is_quoted(value: object, expected: object) -> None:
    assert cell(value) == expected
    assert cell(expected) == expected
