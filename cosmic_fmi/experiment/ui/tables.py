"""The table of runs on the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]

WIDE = 96
_SETTING = ("world_size", "batch_size", "memory_mb", "partition_mb", "files")
_METRICS = {"MAE": "MAE", "Precision": "NMAD", "R2": "R²"}
_MOST_METRICS = 3
_LEFT_OUT_FIRST = ("MAE", "init", "NMAD", "map", "samples", "R²", "samples/s")


def runs_table(rows: Iterable[Row], width: int = WIDE) -> Table:
    """One line a run; settings are shown where they differ, the rest where there is any. What does not fit
    the width is left out.

    Times are seconds, cost is in dollars, and NMAD is the metric that results call Precision. What else a
    script calls its metrics is shown under its own names, three of them at most.
    """
    rows = list(rows)
    columns = _fitting(_columns(rows), rows, width)
    table = Table(
        box=box.SIMPLE_HEAD if width >= WIDE else None, padding=(0, 1) if width >= WIDE else (0, 1, 0, 0)
    )
    for name in columns:
        table.add_column(name, justify="left" if name in ("run", "status") else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(show(row) for show in columns.values()))
    return table


def _fitting(
    columns: dict[str, Callable[[Row], str]], rows: list[Row], width: int
) -> dict[str, Callable[[Row], str]]:
    """The columns without the least important ones that a terminal of this width has no room for."""
    gap = 3 if width >= WIDE else 1
    needed = {
        name: gap + max(len(name), *(Text.from_markup(show(row)).cell_len for row in rows))
        for name, show in columns.items()
    }
    for name in _LEFT_OUT_FIRST:
        if sum(needed.values()) > width:
            needed.pop(name, None)
    return {name: columns[name] for name in needed}


def _columns(rows: list[Row]) -> dict[str, Callable[[Row], str]]:
    columns: dict[str, Callable[[Row], str]] = {}
    varied = [key for key in _SETTING if len({row[key] for row in rows}) > 1]
    alike = len({tuple(row[key] for key in _SETTING) for row in rows}) < len(rows)
    if alike or len(varied) > 2 or "files" in varied:
        columns["run"] = lambda row: escape(str(row["run_id"]))  # which has its setting in its name
    else:
        columns["world"] = lambda row: fixed(row["world_size"], 0)
        if "batch_size" in varied:
            columns["batch"] = lambda row: fixed(row["batch_size"], 0)
        if "memory_mb" in varied:
            columns["MB"] = lambda row: fixed(row["memory_mb"], 0)
    columns["status"] = _status
    columns["total"] = lambda row: fixed(row["duration_s"], 2)
    columns["init"] = lambda row: fixed(row["init_s"], 2)
    columns["map"] = lambda row: fixed(row["map_s"], 2)
    if any(row["samples"] for row in rows):
        columns["samples"] = lambda row: fixed(row["samples"], 0)
        columns["samples/s"] = lambda row: fixed(row["samples_per_s"], 1)
    columns["cost $"] = lambda row: fixed(row["cost_usd"], 6)
    return columns | _metrics(rows)


def _metrics(rows: list[Row]) -> dict[str, Callable[[Row], str]]:
    """A column a metric that any row has: the three usual ones of redshifts, or the first three there are."""
    there = list(
        dict.fromkeys(name for row in rows for name, value in row["metrics"].items() if is_number(value))
    )
    names = [name for name in _METRICS if name in there] or there[:_MOST_METRICS]

    def show(name: str) -> Callable[[Row], str]:
        return lambda row: fixed(row["metrics"].get(name), 4)

    return {escape(_METRICS.get(name, name)): show(name) for name in names}


def _status(row: Row) -> str:
    good = row["status"] == "succeeded"
    if good and row["warm_up"]:
        return "[dim]warm-up[/dim]"
    return f"[{'green' if good else 'bold red'}]{'ok' if good else row['status']}"


def is_number(value: object) -> TypeGuard[float]:
    """Whether there is a number to show: a script of one's own may write anything as a metric, NaN too."""
    return isinstance(value, int | float) and math.isfinite(value)


def fixed(value: object, digits: int) -> str:
    """A number with this many digits after the point; a hyphen for none."""
    return f"{value:,.{digits}f}" if is_number(value) else "-"


def size(bytes_: int) -> str:
    """A size in MB (10^6 bytes), or in bytes where it is small."""
    small = f"{bytes_:,} byte{'s' if bytes_ != 1 else ''}"
    return small if bytes_ < 10_000 else f"{bytes_ / 1e6:,.2f} MB"


def shown(cell: str | int | float | None) -> str:
    """A cell of any table: whole numbers with thousands, others with four digits that count, else a hyphen.

    Small amounts keep decimals rather than an exponent, since most of them are dollars.
    """
    if cell is None or isinstance(cell, str):
        return "-" if cell is None else cell
    if isinstance(cell, int):
        return f"{cell:,}"
    if not math.isfinite(cell):
        return "-"
    digits = 3 - math.floor(math.log10(abs(cell))) if cell else 2
    return f"{cell:,.{min(max(digits, 0), 9)}f}"
