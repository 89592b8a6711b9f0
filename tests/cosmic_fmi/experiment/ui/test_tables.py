"""The table of runs on the terminal, and numbers as text."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cosmic_fmi.experiment.ui.tables import runs_table, shown
from tests.cosmic_fmi.experiment.support import rows


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, "-"),
        ("x", "x"),
        (1234, "1,234"),
        (12.345678, "12.35"),
        (0.00001234, "0.00001234"),
        (0.0, "0.00"),
    ],
)
def test_numbers_keep_four_digits_that_count(cell: str | float | None, text: str) -> None:
    assert shown(cell) == text


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_fits_the_terminal(width: int) -> None:
    console = Console(width=width, file=io.StringIO(), record=True)
    made = [rows.row(), rows.row("w16-b512-1", world_size=16, status="timed_out", metrics={}, init_s=None)]
    console.print(runs_table(made, width))
    text = console.export_text()
    for part in ("world", "total", "1,000", "0.0200", "0.9500", "0.001196", "timed_out"):
        assert part in text


def test_the_table_shows_settings_that_differ() -> None:
    headers = [
        str(column.header) for column in runs_table([rows.row(), rows.row("x", batch_size=64)]).columns
    ]
    assert "batch" in headers
    assert "MB" not in headers
    assert "run" not in headers
    assert "run" in [str(column.header) for column in runs_table([rows.row(), rows.row("again")]).columns]


def test_where_a_terminal_is_narrow_the_least_important_columns_are_left_out() -> None:
    made = [
        rows.row(f"w{world}-b{batch}-1", world_size=world, batch_size=batch)
        for world in (1, 2)
        for batch in (64, 512)
    ]
    made.append(rows.row("w1-b64-2", world_size=1, batch_size=64))
    for width in (60, 80, 100, 140):
        console = Console(width=width, file=io.StringIO(), record=True)
        console.print(runs_table(made, width))
        text = console.export_text()
        assert "…" not in text
        for part in ("w1-b64-2", "status", "total", "cost $"):
            assert part in text


def test_a_script_s_table_has_no_columns_of_galaxies() -> None:
    own = rows.row("pi-w4-1", samples=0, metrics={})
    headers = [str(column.header) for column in runs_table([own], 200).columns]
    assert not {"samples", "samples/s", "MAE", "NMAD", "R²"} & {*headers}
    named = rows.row("pi-w4-2", metrics={"error": 0.5, "[b]": 1, "c": 2.0, "d": 3.0, "text": "no number"})
    headers = [str(column.header) for column in runs_table([own, named], 200).columns]
    assert headers[-3:] == ["error", "\\[b]", "c"]
