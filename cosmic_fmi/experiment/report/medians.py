"""The table of medians by setting: warm and cold runs apart, each with how many and how sure."""

from __future__ import annotations

from collections.abc import Sequence

from cosmic_fmi.experiment.report.html import Section, Table
from cosmic_fmi.experiment.report.pictures.canvas import Cell
from cosmic_fmi.experiment.results.groups import Row, along, by_setting, is_cold, short_names, usable, warm
from cosmic_fmi.experiment.results.statistics import median

_HEAD = (
    *("setting", "warm runs", "median s", "95 % from", "to", "median $"),
    *("cold runs", "cold median s", "cold median $"),
)


def medians(rows: Sequence[Row]) -> list[Section]:
    """One line a setting; nothing where no run succeeded."""
    good = usable(rows)
    groups = by_setting(good)
    if not groups:
        return []
    lines = zip(short_names(list(groups)), groups.values(), strict=True)
    notes = [
        "Of the runs that succeeded, without warm-ups. Intervals are bootstrapped; two or three runs hardly "
        "say more than their range, one run has none. A run is cold when any of its functions started cold.",
        *_why_no_speedup(good),
    ]
    table = Table(_HEAD, [[name, *_line(group)] for name, group in lines])
    return [Section("Medians by setting", table=table, notes=notes)]


def _line(group: Sequence[Row]) -> list[Cell]:
    hot, cold = warm(group), [row for row in group if is_cold(row)]
    time = median([row["duration_s"] for row in hot]) if hot else None
    interval = time.interval if time else (None, None)
    return [
        *(len(hot) or None, time.value if time else None, *interval, _median(hot, "cost_usd")),
        *(len(cold) or None, _median(cold, "duration_s"), _median(cold, "cost_usd")),
    ]


def _median(group: Sequence[Row], key: str) -> float | None:
    return median([row[key] for row in group]).value if group else None


def _why_no_speedup(good: Sequence[Row]) -> list[str]:
    if len(along(good, "world_size")) < 2 or len(along(warm(good), "world_size")) > 1:
        return []
    return [
        "There is no picture of the speed-up: it would compare cold runs with warm ones. Add --warm-up 1, or "
        "--runs 2, so that two world sizes have warm runs."
    ]
