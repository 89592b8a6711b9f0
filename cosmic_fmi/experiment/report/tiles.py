"""The few numbers at the top of a report: of whole settings, never of the luckiest run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cosmic_fmi.experiment.results.groups import Row, Setting, comparable_settings, is_cold, usable
from cosmic_fmi.experiment.results.statistics import Estimate, median
from cosmic_fmi.experiment.ui.tables import fixed, is_number

Tile = tuple[str, str]


def tiles(rows: Sequence[Row]) -> list[Tile]:
    """(what it is, the number) of each tile."""
    good = usable(rows)
    counted = [row for row in rows if not row["warm_up"]]
    found = [("runs that succeeded", f"{len(good)} of {len(counted)}")]
    groups = comparable_settings(good)
    if groups:
        found += [_fastest(groups), _cheapest(groups)]
    found.append(("all runs together", f"${sum(row['cost_usd'] for row in rows):.4f}"))  # also what failed
    return [*found, *_throughput(groups), *_quality(good)]


def _fastest(groups: Mapping[Setting, Sequence[Row]]) -> Tile:
    times = {setting: median([row["duration_s"] for row in group]) for setting, group in groups.items()}
    best = min(times, key=lambda setting: times[setting].value)
    which = _described(best, groups[best], times[best], "s", 2)
    return f"fastest setting, {which}", f"{times[best].value:.2f} s"


def _cheapest(groups: Mapping[Setting, Sequence[Row]]) -> Tile:
    costs = {setting: median([row["cost_usd"] for row in group]) for setting, group in groups.items()}
    best = min(costs, key=lambda setting: costs[setting].value)
    which = _described(best, groups[best], costs[best], "$", 6)
    return f"cheapest setting, {which}", f"${costs[best].value:.6f}"


def _described(setting: Setting, group: Sequence[Row], value: Estimate, unit: str, digits: int) -> str:
    """Which setting, of how many runs the median is, and its 95 % interval where there is one."""
    kind = "cold" if is_cold(group[0]) else "warm"
    runs = f"1 {kind} run" if value.runs == 1 else f"median of {value.runs} {kind} runs"
    low, high = value.interval
    sure = "" if low is None or high is None else f", 95 % {low:.{digits}f} to {high:.{digits}f} {unit}"
    return f"world size {setting.world_size:,} ({runs}{sure})"


def _throughput(groups: Mapping[Setting, Sequence[Row]]) -> list[Tile]:
    rates = [median([row["samples_per_s"] or 0.0 for row in group]).value for group in groups.values()]
    best = max(rates, default=0.0)
    return [("galaxies a second, median of the best setting", fixed(best, 0))] if best else []


def _quality(good: Sequence[Row]) -> list[Tile]:
    if not good:
        return []
    metrics: Mapping[str, Any] = max(good, key=lambda row: str(row["started_at"]))["metrics"]
    latest = metrics.get("R2")
    return [("R² of the redshifts", f"{latest:.3f}")] if is_number(latest) else []
