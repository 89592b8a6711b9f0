"""Our figures beside those that the course measured, where the experiment is the same."""

from __future__ import annotations

from collections.abc import Sequence

from cosmic_fmi.common.lambda_limits import LARGEST_MB
from cosmic_fmi.experiment.cost.published import FMI_TOTAL_S, INFERENCE
from cosmic_fmi.experiment.report.pictures.canvas import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    Cell,
    Picture,
    canvas,
    log_ticks,
)
from cosmic_fmi.experiment.results.groups import Row, along, by_setting, held
from cosmic_fmi.experiment.results.rank_row import value
from cosmic_fmi.experiment.results.statistics import median

_MESSAGES_ONLY = ("hello", "fmi")
"""Scripts that do as little as the course's FMI step function: others' times are not comparable."""
_SHIPPED = "0.8 M parameters"
_COURSE = "15.9 M parameters"


def world_without_data(rows: Sequence[Row]) -> Picture | None:
    """Total time over world size of a script without data, beside the course's FMI step function."""
    alike = [row for row in rows if row["source"] in _MESSAGES_ONLY and not row["samples"]]
    groups = along(alike, "world_size")
    if not groups:
        return None
    figure, axes = canvas(3.4)
    times = {world: median([row["duration_s"] for row in group]) for world, group in groups.items()}
    axes.plot(
        list(times), [time.value for time in times.values()], color=BLUE, marker="o", label="this experiment"
    )
    for (label, points), colour in zip(FMI_TOTAL_S.items(), (ORANGE, GREEN, PURPLE), strict=True):
        axes.plot(list(points), list(points.values()), color=colour, marker="s", ls="--", lw=1, label=label)
    axes.set(xlabel="world size (functions)", ylabel="total time (s)", ylim=(0, None))
    worlds = sorted({*times, *(world for points in FMI_TOTAL_S.values() for world in points)})
    log_ticks(axes, worlds)
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    ours = {world: time.value for world, time in times.items()}
    body = [
        [world, ours.get(world), *(points.get(int(world)) for points in FMI_TOTAL_S.values())]
        for world in worlds
    ]
    return Picture(
        "published",
        "A world without data, beside the course's",
        "Median total time of this experiment's script and of the course's FMI step function. "
        f"Ours: {held([row for group in groups.values() for row in group], 'world_size')}.",
        figure,
        ("world size", "ours s", *(f"{label} s" for label in FMI_TOTAL_S)),
        body,
    )


def inference(rows: Sequence[Row], ranks: Sequence[Row]) -> Picture | None:
    """Galaxies a second of one rank, beside the course's at the same batch sizes.

    Of several settings with a batch size the smallest world is taken, with the most memory: one function with
    much memory is what the course measured.
    """
    ours: list[list[Cell]] = []
    local = False
    with_data = [row for row in rows if row["mode"] == "data-parallel"]
    for batch in sorted({item.batch_size for item in INFERENCE}):
        groups = {
            setting: measured
            for setting, group in by_setting(row for row in with_data if row["batch_size"] == batch).items()
            if (measured := _speeds(group, ranks))
        }
        if groups:
            setting = min(groups, key=lambda found: (found.world_size, -found.memory_mb))
            spent, rate = groups[setting]
            network = _SHIPPED if setting.source == "sample" else setting.source
            ours.append(
                [f"ours, {network}, world {setting.world_size}", batch, setting.memory_mb, spent, rate]
            )
            local = local or any(row["target"] == "local" for row in rows)
    if not ours:
        return None
    body = ours + [
        [f"{item.source}, {_COURSE}", item.batch_size, LARGEST_MB, item.seconds_per_batch, item.samples_per_s]
        for item in INFERENCE
        if item.batch_size in {line[1] for line in ours}
    ]
    figure, axes = canvas(1.2 + 0.4 * len(body))
    colours = [BLUE if str(line[0]).startswith("ours") else ORANGE for line in body]
    rates = [float(line[4] or 0.0) for line in body]
    axes.barh(range(len(body)), rates, color=colours, height=0.62)
    for position, rate in enumerate(rates):
        axes.text(rate, position, f" {rate:.0f}" if rate else " not given", va="center", fontsize=8)
    names = [f"{line[0]},\nbatch {line[1]}, {line[2]:,} MB" for line in body]
    axes.set_yticks(range(len(body)), names, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(xlabel="galaxies a second of one function")
    where = (
        " Ours ran on this machine's processors, not on Lambda's: no comparison of clouds." if local else ""
    )
    return Picture(
        "published-inference",
        "Inference beside the course's",
        "One function each, CPU. The course ran the published network on 1,024 galaxies; a rank here may "
        f"have fewer, and the sample's network is about a twentieth of that one's size.{where}",
        figure,
        ("source", "batch size", "memory MB", "s per batch", "galaxies/s of a rank"),
        body,
    )


def _speeds(group: Sequence[Row], ranks: Sequence[Row]) -> tuple[float, float] | None:
    """Median seconds a batch and galaxies a second of the ranks of these runs."""
    runs = {row["run_id"] for row in group}
    found = [
        (spent, rate)
        for rank in ranks
        if rank["run_id"] in runs
        and (spent := value(rank, "execution_time (seconds/batch)"))
        and (rate := value(rank, "sample_persec"))
    ]
    if not found:
        return None
    return median([spent for spent, _ in found]).value, median([rate for _, rate in found]).value
