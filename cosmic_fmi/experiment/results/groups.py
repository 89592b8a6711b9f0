"""Runs by setting, and the part of a sweep in which only one thing varies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

Row = Mapping[str, Any]
Axis = Literal["world_size", "batch_size", "memory_mb", "partition_mb", "files"]

AXES: dict[Axis, str] = {
    "world_size": "world size",
    "batch_size": "batch size",
    "memory_mb": "memory (MB)",
    "partition_mb": "partition size (MB)",
    "files": "partitions",
}
"""What a sweep can vary, and what it is called."""


_WORDS: dict[Axis, str] = {
    "world_size": "world {:,}",
    "batch_size": "batch {:,}",
    "memory_mb": "{:,} MB of memory",
    "partition_mb": "partitions of {:g} MB",
    "files": "{:,} partitions",
}


_SAME_SIZE = 0.02
"""How much the sizes of partitions may differ that count as one: what the ranks moved is measured, and has
results in it, of which larger worlds have more."""


class Setting(NamedTuple):
    """What two runs have in common that can be compared."""

    world_size: int
    batch_size: int | None
    memory_mb: int
    partition_mb: float | None
    files: int | None
    source: str

    def words(self, axes: Iterable[Axis]) -> list[str]:
        """What it says about these axes."""
        return [_WORDS[axis].format(value) for axis in axes if (value := getattr(self, axis))]

    def __str__(self) -> str:
        return ", ".join([*self.words(AXES), *([self.source] if self.source != "sample" else [])])


def usable(rows: Iterable[Row]) -> list[Row]:
    """The runs that medians and fits are made of: those that succeeded and were no warm-up."""
    return [row for row in rows if row["status"] == "succeeded" and not row["warm_up"]]


def is_cold(row: Row) -> bool:
    """Whether any of a run's functions started cold, which it waited for."""
    return bool(row["cold_starts"])


def warm(group: Iterable[Row]) -> list[Row]:
    """The runs of which every function was there already."""
    return [row for row in group if not is_cold(row)]


def comparable(group: Sequence[Row]) -> list[Row]:
    """The runs of one setting that one figure may be made of: the warm ones, or else the cold ones."""
    return warm(group) or list(group)


def same_work(rows: Iterable[Row]) -> list[Row]:
    """The runs that did the same: of one source and with as many galaxies; the work that most runs did."""
    found: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        found.setdefault((row["source"], row["samples"]), []).append(row)
    return max(found.values(), key=len, default=[])


def comparable_settings(rows: Iterable[Row]) -> dict[Setting, list[Row]]:
    """The settings that can be ranked: of one kind of work, each with its warm runs where any has some."""
    rows = same_work(rows)
    return by_setting(warm(rows) or rows)


def setting_of(row: Row) -> Setting:
    """The setting of a run."""
    return Setting(
        row["world_size"],
        row["batch_size"],
        row["memory_mb"],
        _two_digits(row["partition_mb"]),
        row["files"],
        row["source"],
    )


def _two_digits(size: float | None) -> float | None:
    """A mean size may differ a little between runs of one setting, since galaxies cannot be cut."""
    return float(f"{size:.2g}") if size else None


def by_setting(rows: Iterable[Row]) -> dict[Setting, list[Row]]:
    """Runs with equal settings, ordered by memory, batch size, partitions, world size.

    Partitions of nearly one size are of one size: of 1.649 and 1.651 MB the rounded sizes differ.
    """
    groups: dict[Setting, list[Row]] = {}
    sizes: list[tuple[float, float | None]] = []
    for row in sorted(rows, key=_order):
        size = row["partition_mb"] or 0.0
        near = (shown for other, shown in sizes if math.isclose(size, other, rel_tol=_SAME_SIZE))
        setting = setting_of(row)
        setting = setting._replace(partition_mb=next(near, setting.partition_mb))
        sizes.append((size, setting.partition_mb))
        groups.setdefault(setting, []).append(row)
    return groups


def _order(row: Row) -> tuple[str, int, int, float, int, int]:
    found = setting_of(row)
    partitions = found.partition_mb or 0.0, found.files or 0
    return found.source, found.memory_mb, found.batch_size or 0, *partitions, found.world_size


def along(rows: Iterable[Row], axis: Axis) -> dict[float, list[Row]]:
    """Runs by their value on this axis, where everything else is equal: the longest such line of a sweep.

    Partitions of another size are another number of them, so that this is not held equal on that axis. Of
    lines with equally many values the one with most runs is taken, then the one with the fastest. Empty when
    no run has the axis.
    """
    lines: dict[tuple[object, ...], dict[float, list[Row]]] = {}
    free = {axis, "files"} if axis == "partition_mb" else {axis}
    for setting, group in by_setting(rows).items():
        value = getattr(setting, axis)
        if value:
            others = (setting.source, *(getattr(setting, name) for name in AXES if name not in free))
            lines.setdefault(others, {}).setdefault(value, []).extend(group)
    best = max(lines.values(), key=_weight, default={})
    return dict(sorted(best.items()))


def _weight(line: Mapping[float, Sequence[Row]]) -> tuple[int, int, float]:
    runs = [row for group in line.values() for row in group]
    return len(line), len(runs), -min(row["duration_s"] for row in runs)


def held(rows: Sequence[Row], axis: Axis) -> str:
    """What was the same in all runs of a line, in words."""
    settings = list(by_setting(rows))
    same = [key for key in AXES if key != axis and len({getattr(item, key) for item in settings}) == 1]
    return ", ".join(settings[0].words(same))


def short_names(settings: Sequence[Setting]) -> list[str]:
    """Names that mention only what differs between the settings; the world size always."""
    varied = {key for key in (*AXES, "source") if len({getattr(item, key) for item in settings}) > 1}
    named = [key for key in AXES if key in varied or key == "world_size"]
    return [
        ", ".join([*item.words(named), *([item.source] if "source" in varied else [])]) for item in settings
    ]
