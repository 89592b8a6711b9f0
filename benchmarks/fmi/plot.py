"""The picture: one panel a number of ranks, a group of bars a case, time on a logarithmic scale."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.fmi.cases import CASES, SETUP, Case
from benchmarks.fmi.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(results: Results, folder: Path) -> None:
    """Write fmi.png and fmi.svg."""
    import matplotlib as mpl  # noqa: PLC0415 - not needed while measuring

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "fmi"  # the same picture gives the same file
    from matplotlib import pyplot as plt  # noqa: PLC0415

    sizes = [2, 4, 8]
    figure, panels = plt.subplots(len(sizes), 1, figsize=(11, 12), layout="constrained")
    for ranks, panel in zip(sizes, panels, strict=True):
        cases = [case for case in (SETUP, *CASES) if (case, ranks) in set(results.rows())]
        _panel(panel, results, ranks, cases)
    panels[0].legend(ncols=4, fontsize=8, loc="upper left")
    figure.suptitle("FMI and its peers over loopback TCP (shorter is better)")
    figure.savefig(folder / "fmi.png", dpi=110)
    figure.savefig(folder / "fmi.svg", metadata={"Date": None})
    plt.close(figure)


def _panel(panel: Axes, results: Results, ranks: int, cases: list[Case]) -> None:
    width = 0.85 / len(results.titles)
    for index, title in enumerate(results.titles):
        places, heights = [], []
        for place, case in enumerate(cases):
            value = results.of(title, ranks, case)
            if value is not None:
                places.append(place + index * width)
                heights.append(value * 1e6)
        panel.bar(places, heights, width, label=title)
    panel.set_yscale("log")
    panel.set_ylabel("µs")
    panel.set_title(f"{ranks} ranks", loc="left", fontsize=10)
    middles = [place + 0.425 - width / 2 for place in range(len(cases))]
    panel.set_xticks(
        middles, [case.label.replace(", one way", "") for case in cases], rotation=18, fontsize=8
    )
    panel.grid(axis="y", alpha=0.3)
