"""Two sweeps beside each other, setting by setting: what changed, and whether by more than chance.

Only settings that both have are compared. A difference counts as beyond noise when the exact Mann-Whitney
test (1947) gives less than 5 % for it, after Holm's correction for as many settings as are compared. That
takes runs: four of each for one setting, five for up to six. The line over all settings needs fewer.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich import box
from rich.table import Table
from scipy.stats import mannwhitneyu

from cosmic_fmi.common.files import write_atomically
from cosmic_fmi.experiment.errors import ResultsError
from cosmic_fmi.experiment.report.html import Page, picture
from cosmic_fmi.experiment.report.pictures import save
from cosmic_fmi.experiment.report.pictures.canvas import BLUE, DARK, GREY, ORANGE, Cell, Picture, canvas
from cosmic_fmi.experiment.results.groups import Row, Setting, by_setting, short_names, usable
from cosmic_fmi.experiment.results.reading import open_results
from cosmic_fmi.experiment.results.statistics import Estimate, median, pooled_ratio, ratio
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.experiment.ui.tables import WIDE, shown

LEVEL = 0.05
HEAD = ("setting", "runs", "A", "B", "B/A", "95 % from", "to", "p", "verdict")
_FEWEST_TOGETHER = 3
"""Runs of each setting below which the interval over all settings says nothing: of one run it is a point, of
two it leaves out 1 in every fourth comparison of equals."""

_PLACES = {"local": "the embedded AWS", "aws": "AWS in {region} ({architecture})"}

Measure = Literal["duration_s", "cost_usd"]
MEASURES: dict[Measure, str] = {"duration_s": "time (s)", "cost_usd": "cost ($)"}


@dataclass(frozen=True)
class Difference:
    """One setting in both sweeps: medians, their ratio B/A, and the test's p-value (None: too few runs)."""

    setting: Setting
    a: Estimate
    b: Estimate
    ratio: Estimate
    p: float | None
    beyond_noise: bool

    @property
    def verdict(self) -> str:
        """In words."""
        if self.p is None:
            return "too few runs"
        if not self.beyond_noise:
            return "within noise"
        return "B is lower" if self.ratio.value < 1 else "B is higher"


@dataclass(frozen=True)
class Comparison:
    """Every common setting, and all of them together."""

    measure: Measure
    differences: list[Difference]
    together: Estimate
    only_a: int
    only_b: int


def compare(a: Sequence[Row], b: Sequence[Row], measure: Measure) -> Comparison:
    """Compare the successful runs of two sweeps.

    Raises :class:`~cosmic_fmi.experiment.errors.ResultsError` when they have no setting in common, or one of
    them has no run that succeeded.
    """
    good = [{**row, "of": name} for name, rows in (("A", a), ("B", b)) for row in usable(rows)]
    for name in ("A", "B"):
        if not any(row["of"] == name for row in good):
            raise ResultsError(f"no run of {name} succeeded: make its runs again with --resume")
    # Grouped together, so that what counts as one setting does so on both sides.
    groups = by_setting(good)
    first = {setting: found for setting, rows in groups.items() if (found := _of("A", rows))}
    second = {setting: found for setting, rows in groups.items() if (found := _of("B", rows))}
    common = [setting for setting in first if setting in second]
    if not common:
        raise ResultsError(
            "the two sweeps have no setting in common (world size, batch size, memory, partitions, source): "
            "run one of them again with a setting of the other"
        )
    pairs = {
        setting: (_values(first[setting], measure), _values(second[setting], measure)) for setting in common
    }
    # A test that could not reach the level, however far apart the runs are, says nothing by not reaching it.
    able = [setting for setting, (left, right) in pairs.items() if _least_p(left, right) < LEVEL / len(pairs)]
    tests = {setting: _p(*pairs[setting]) for setting in able}
    beyond = _holm(tests)
    differences = [
        Difference(
            setting, median(left), median(right), ratio(right, left), tests.get(setting), setting in beyond
        )
        for setting, (left, right) in pairs.items()
    ]
    together = pooled_ratio([(right, left) for left, right in pairs.values()])
    return Comparison(measure, differences, together, len(first) - len(common), len(second) - len(common))


def _of(name: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["of"] == name]


def elsewhere(a: Sequence[Row], b: Sequence[Row]) -> str | None:
    """That the two were made in different places, which differ by themselves; None where they were not."""
    places = [", ".join(sorted({_PLACES[row["target"]].format(**row) for row in rows})) for rows in (a, b)]
    if places[0] == places[1]:
        return None
    return f"A ran on {places[0]}, B on {places[1]}: the difference between these is in every figure."


def _values(rows: Sequence[Row], measure: Measure) -> list[float]:
    return [max(row[measure], 1e-9) for row in rows]  # a ratio has to exist


def _p(left: Sequence[float], right: Sequence[float]) -> float:
    untied = len({*left, *right}) == len(left) + len(right)
    return float(mannwhitneyu(left, right, method="exact" if untied else "asymptotic").pvalue)


def _least_p(left: Sequence[float], right: Sequence[float]) -> float:
    """The p-value when every run of one side is faster than every run of the other."""
    return 2 / math.comb(len(left) + len(right), len(left))


def _holm(tests: dict[Setting, float]) -> set[Setting]:
    """The settings whose difference remains when as many tests as these are made at once (Holm, 1979)."""
    found: set[Setting] = set()
    for rank, (setting, p) in enumerate(sorted(tests.items(), key=lambda item: item[1])):
        if p >= LEVEL / (len(tests) - rank):
            break
        found.add(setting)
    return found


def headline(comparison: Comparison) -> str:
    """The result in one sentence."""
    all_of_them, what = comparison.together, MEASURES[comparison.measure].split()[0]
    if all_of_them.runs < _FEWEST_TOGETHER:
        size = f"too few runs to tell (it takes {_FEWEST_TOGETHER} of each setting)"
    elif all_of_them.low <= 1 <= all_of_them.high:
        size = "no clear difference"
    else:
        size = f"B is {abs(all_of_them.value - 1):.1%} {'lower' if all_of_them.value < 1 else 'higher'}"
    low, high = all_of_them.interval
    between = "" if low is None else f" ({low:.3f} to {high:.3f})"
    beyond, common = sum(item.beyond_noise for item in comparison.differences), len(comparison.differences)
    return (
        f"{what.capitalize()} over {common} common setting{'s' if common > 1 else ''}: "
        f"B/A {all_of_them.value:.3f}{between}, {size}; "
        f"{beyond} {'setting differs' if beyond == 1 else 'settings differ'} beyond noise."
    )


def body_of(comparison: Comparison) -> list[list[Cell]]:
    """The rows of the table under :data:`HEAD`."""
    names = short_names([item.setting for item in comparison.differences])
    return [
        [
            name,
            f"{item.a.runs} and {item.b.runs}",
            item.a.value,
            item.b.value,
            item.ratio.value,
            *item.ratio.interval,
            item.p,
            item.verdict,
        ]
        for name, item in zip(names, comparison.differences, strict=True)
    ]


def forest(comparison: Comparison) -> Picture:
    """The ratios with their intervals, a line a setting, and all together at the foot."""
    names = [*short_names([item.setting for item in comparison.differences]), "all together"]
    found = [*(item.ratio for item in comparison.differences), comparison.together]
    figure, axes = canvas(1.1 + 0.3 * len(found))
    axes.axvline(1.0, color=GREY, linewidth=1)
    for lane, (item, name) in enumerate(zip(found, names, strict=True)):
        beyond = lane < len(comparison.differences) and comparison.differences[lane].beyond_noise
        colour = DARK if name == "all together" else ORANGE if beyond else BLUE
        mark = "D" if name == "all together" else "s" if beyond else "o"
        bar = [[part] for part in item.error_bar]
        axes.errorbar(item.value, lane, xerr=bar, color=colour, marker=mark, capsize=2, ms=5)
    axes.set_yticks(range(len(found)), names, fontsize=8, parse_math=False)  # a file may be called $x$
    axes.invert_yaxis()
    what = MEASURES[comparison.measure]
    axes.set(xlabel=f"{what.split()[0]} of B by {what.split()[0]} of A: left of 1, B is lower")
    return Picture(
        f"compare-{what.split()[0]}",
        f"{what.split()[0].capitalize()} of B against A",
        "Ratios of medians with 95 % intervals. Orange squares: beyond noise; blue circles: within it, or "
        f"too few runs to tell. {headline(comparison)}",
        figure,
        HEAD,
        body_of(comparison),
    )


def _write(
    folder: Path, names: tuple[Path, Path], comparisons: Sequence[Comparison], notes: Sequence[str]
) -> Path:
    drawn = [forest(comparison) for comparison in comparisons]
    images = save(drawn, folder)
    missing = [f"Settings of A alone: {comparisons[0].only_a}, of B alone: {comparisons[0].only_b}."]
    path = folder / "compare.html"
    page = Page(
        "Comparison of two sweeps",
        "Two sweeps beside each other",
        f"A: {names[0]} · B: {names[1]}",
        lead=[*map(headline, comparisons), *missing, *notes],
        sections=[picture(one, images[one.name].read_bytes()) for one in drawn],
    )
    write_atomically(path, page.html().encode())
    with (folder / "compare.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["measure", *HEAD])
        writer.writerows([item.measure, *line] for item in comparisons for line in body_of(item))
    return path


def compare_folders(folders: tuple[Path, Path], output: Path | None, reporter: Reporter) -> None:
    """Show how the sweeps in two folders differ, and write a page with pictures.

    ``output`` None is results/<A>-against-<B>. Raises ResultsError where there is nothing to compare.
    """
    first, second = (open_results(folder) for folder in folders)
    comparisons = [compare(first.rows, second.rows, measure) for measure in MEASURES]
    name = "-against-".join(folder.resolve().name for folder in folders)
    notes = [note for note in [elsewhere(first.rows, second.rows)] if note]
    path = _write(output or Path("results") / name, folders, comparisons, notes)
    for comparison in comparisons:
        reporter.console.print(_table(comparison, reporter.console.width))
        reporter.message(headline(comparison), "bold")
    for note in notes:
        reporter.message(note, "yellow", important=True)
    reporter.message(f"Page: {path}")


def _table(comparison: Comparison, width: int) -> Table:
    wide = width >= WIDE
    table = Table(
        box=box.SIMPLE_HEAD if wide else None,
        padding=(0, 1) if wide else (0, 1, 0, 0),
        title=MEASURES[comparison.measure],
        title_justify="left",
    )
    for name in HEAD:  # words may go on in the next line, numbers have to stay whole
        words = name in ("setting", "verdict")
        table.add_column(name, justify="left" if words else "right", no_wrap=not words)
    for line in body_of(comparison):
        table.add_row(*map(shown, line))
    return table
