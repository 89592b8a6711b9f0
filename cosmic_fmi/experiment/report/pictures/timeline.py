"""What each rank did when, from the start of the execution."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from matplotlib.patches import Patch

from cosmic_fmi.experiment.report.pictures.canvas import GREY, PHASES, Cell, Picture, canvas
from cosmic_fmi.experiment.results.groups import Row
from cosmic_fmi.experiment.results.rank_row import seconds, value

COLD = "cold start"
FINISH = "other"
_SCRIPT_PHASES = ("import", "download", "inference", "setup", "reduce")
_LABELS = {COLD: ("cold start", PHASES["start"][1]), FINISH: ("other", GREY)}
_MOST_LANES = 200


def timeline(rows: Sequence[Row], ranks: Sequence[Row]) -> Picture | None:
    """Lanes of the largest world that succeeded; the latest run of it."""
    chosen = max(rows, key=lambda row: (row["world_size"], str(row["started_at"])), default=None)
    if chosen is None:
        return None
    lanes = sorted(
        (rank for rank in ranks if rank["run_id"] == chosen["run_id"] and value(rank, "started_at")),
        key=lambda rank: int(rank["rank"]),
    )
    if not lanes:
        return None
    shown = lanes[:_MOST_LANES]
    figure, axes = canvas(max(2.4, min(8.5, 1.3 + 0.26 * len(shown))))
    seen: dict[str, tuple[str, str]] = {}
    lengths: dict[str, list[float]] = {}
    for lane, rank in enumerate(shown):
        of_rank: dict[str, float] = {}  # the bundle's download and waiting for data are one phase
        for name, start, length in rank_spans(rank):
            label, colour = {**PHASES, **_LABELS}[name]
            hatch = "////" if name == COLD else None
            axes.barh(
                lane,
                length,
                left=start,
                height=0.72,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                linewidth=0.3,
            )
            seen.setdefault(name, (label, colour))
            of_rank[label] = of_rank.get(label, 0.0) + length
        for label, length in of_rank.items():
            lengths.setdefault(label, []).append(length)
    handles = [
        Patch(facecolor=colour, hatch="////" if name == COLD else None, edgecolor="white", label=label)
        for name, (label, colour) in seen.items()
    ]
    every = -(-len(shown) // 40)  # more labels than that run into each other
    axes.set_yticks(range(0, len(shown), every), [str(rank["rank"]) for rank in shown[::every]])
    axes.invert_yaxis()
    axes.set(xlabel="seconds since the execution started", ylabel="rank", xlim=(0, None))
    axes.legend(
        handles=handles, frameon=False, fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0)
    )
    cold = sum(1 for rank in lanes if any(name == COLD for name, _, _ in rank_spans(rank)))
    starts = (
        f"Cold starts are hatched: {cold} of {len(lanes)} functions." if cold else "All functions were warm."
    )
    more = f" The first {_MOST_LANES} of {len(lanes)} are shown." if len(lanes) > len(shown) else ""
    body: list[list[Cell]] = [
        [label, len(found), median(found), min(found), max(found)] for label, found in lengths.items()
    ]
    return Picture(
        "timeline",
        "What each rank did when",
        f"Run {chosen['run_id']}. {starts}{more} A long reduce is waiting for the slowest rank.",
        figure,
        ("phase", "ranks", "median s", "shortest", "longest"),
        body,
        f"A lane for each of {len(shown)} ranks with its phases; {cold} started cold.",
    )


def rank_spans(rank: Row) -> list[tuple[str, float, float]]:
    """(phase, start, length) in seconds since the execution started, in the order in which they happen."""
    origin = seconds(rank, "execution_started_at")
    begin, end = seconds(rank, "started_at") - origin, seconds(rank, "ended_at") - origin
    cold = seconds(rank, "report.init_ms") / 1000
    spans = [(COLD, begin - cold, cold)] if cold else []
    lengths = [("download", seconds(rank, "download_seconds"))]
    lengths += [(name, seconds(rank, f"phases.{name}")) for name in _SCRIPT_PHASES]
    at = begin
    for name, length in lengths:
        shown = min(length, max(0.0, end - at))
        if shown > 0:
            spans.append((name, at, shown))
            at += shown
    if end - at > 0.005:
        spans.append((FINISH, at, end - at))
    return spans
