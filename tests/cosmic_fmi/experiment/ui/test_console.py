"""What ranks and servers say reaches a terminal as text."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cosmic_fmi.experiment.ui.console import Mode, Reporter


@pytest.mark.parametrize("mode", ["people", "quiet", "json"])
def test_a_message_moves_no_cursor(mode: Mode) -> None:
    sink = io.StringIO()
    reporter = Reporter(Console(file=sink, force_terminal=True, width=80), mode)
    reporter.message("rank 0: \x1b[2J\x1b]0;owned\x07 50 %\r100 %", important=True)
    written = sink.getvalue()
    assert "\x1b[2J" not in written
    assert "\x1b]0" not in written
    assert not set("\x07\r") & set(written)
    assert "owned" in written
