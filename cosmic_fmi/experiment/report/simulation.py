"""What larger work would take and cost on AWS, with the functions that an account may run at once.

Everything here is predicted; what others measured stands beside it and is marked so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table

from cosmic_fmi.common.durations import duration
from cosmic_fmi.common.lambda_limits import LARGEST_MB, LONGEST_RUN_S
from cosmic_fmi.experiment.cost.prices import Prices, load_prices
from cosmic_fmi.experiment.cost.published import PARTITIONS, WHOLE_SET
from cosmic_fmi.experiment.model.observations import fitted, published
from cosmic_fmi.experiment.model.prediction import Prediction, predict
from cosmic_fmi.experiment.model.scaling import GALAXY_BYTES, PARTS, ScalingModel, Settings
from cosmic_fmi.experiment.report import html as page
from cosmic_fmi.experiment.report.pictures.canvas import Cell
from cosmic_fmi.experiment.report.workloads import WORKLOADS_GB
from cosmic_fmi.experiment.results.reading import open_results
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.experiment.ui.tables import shown

_MARGIN = 0.8
"""Part of Lambda's time limit that is planned with: the model may be off."""

IMPOSSIBLE = "impossible"
HEAD = ("work", "by", "functions", "executions", "time", "seconds", "cost $")


@dataclass(frozen=True)
class Work:
    """So much data in partitions of one size, and how the functions are set."""

    gigabytes: float
    partition_mb: int = 25
    memory_mb: int = LARGEST_MB
    batch_size: int = 512

    @property
    def partitions(self) -> int:
        """Files."""
        return max(1, math.ceil(self.gigabytes * 1000 / self.partition_mb))

    @property
    def galaxies(self) -> int:
        """Galaxies in all of them."""
        return int(self.gigabytes * 1e9 / GALAXY_BYTES)

    def __str__(self) -> str:
        return f"{self.gigabytes:g} GB" if self.gigabytes < 1000 else f"{self.gigabytes / 1000:g} TB"


@dataclass(frozen=True)
class Simulated:
    """Work done by one or more executions, one after the other, each as predicted."""

    work: Work
    executions: int
    one: Prediction

    @property
    def seconds(self) -> float:
        """Of all of them."""
        return self.executions * self.one.seconds

    @property
    def cost_usd(self) -> float:
        """Of all of them, in US dollars."""
        return self.executions * self.one.cost_usd


def simulate(model: ScalingModel, work: Work, limit: int, prices: Prices) -> Simulated:
    """The work with at most ``limit`` functions at once.

    All ranks of a world have to run at once, so a world is never larger than the limit; and what does not fit
    into a function's 15 minutes is split into executions that follow each other.
    """
    executions = 1
    while True:
        files = math.ceil(work.partitions / executions)
        settings = Settings(
            min(limit, files), work.memory_mb, work.batch_size, math.ceil(work.galaxies / executions), files
        )
        one = predict(model, settings, prices)
        # With one file a rank, smaller executions do not help any more.
        if one.rank_s <= _MARGIN * LONGEST_RUN_S or files <= limit:
            return Simulated(work, executions, one)
        executions = max(executions + 1, math.ceil(executions * one.rank_s / (_MARGIN * LONGEST_RUN_S)))


def for_aws(model: ScalingModel) -> ScalingModel:
    """The model as it stands on AWS: what was measured on one machine says nothing about AWS's own times.

    Of such runs only inference is kept, with this machine's cores taken for Lambda's processors; the rest is
    as published.
    """
    if model.cores is None:
        return model
    own = {term: model.coefficients[term] for term in PARTS["inference"]}
    course = published()
    return replace(
        model,
        coefficients={**course.coefficients, **own},
        source=f"inference of {model.source}, the rest as published",
        error=course.error,
        cores=None,
    )


def lines(models: Iterable[tuple[str, ScalingModel]], works: Sequence[Work], limits: Sequence[int],
          prices: Prices) -> list[list[Cell]]:  # fmt: skip
    """The rows of the table under :data:`HEAD`: what was measured by others first, then what is predicted."""
    body: list[list[Cell]] = []
    for work in works:
        body += _measured(work)
        for name, model in models:
            for limit in limits:
                found = simulate(for_aws(model), work, limit, prices)
                cells: list[Cell] = [str(work), f"predicted: {name}", found.one.settings.world_size]
                if found.one.possible:
                    cells += [found.executions, duration(found.seconds), found.seconds, found.cost_usd]
                else:
                    cells += [None, IMPOSSIBLE, None, None]
                body.append(cells)
    return body


def _measured(work: Work) -> list[list[Cell]]:
    """The CAI paper's figures, where the work is the same."""
    if work.gigabytes != WHOLE_SET.gigabytes:
        return []
    same = next((item for item in PARTITIONS if item.megabytes == work.partition_mb), None)
    found: list[tuple[str, float, int | None, float | None]] = [
        ("Lambda", WHOLE_SET.lambda_s, same.requests if same else None, same.cost_usd if same else None),
        ("one GPU", WHOLE_SET.gpu_s, None, None),
        ("CPUs", WHOLE_SET.cpu_s, None, None),
    ]
    return [
        [str(work), f"measured: {name} (CAI paper)", world, None, duration(spent), spent, paid]
        for name, spent, world, paid in found
    ]


def notes(models: Iterable[tuple[str, ScalingModel]], work: Work, prices: Prices) -> list[str]:
    """What the table rests on."""
    return [
        f"Partitions of {work.partition_mb} MB, {work.memory_mb:,} MB of memory, batches of "
        f"{work.batch_size}, every function cold, prices of {prices.region} as of {prices.as_of}. An account "
        "may run as many functions at once as its quota says: 10 where it is new, else 1,000 by default; all "
        "ranks of a world run at once. Work that does not fit into a function's 15 minutes becomes "
        "executions one after the other; impossible is what takes longer for a single partition: make them "
        "smaller.",
        *(f"{name}: from {_rests_on(model)}." for name, model in models),
        "The published cost counts only Lambda's time, at the memory that was used, not configured.",
    ]


def _rests_on(model: ScalingModel) -> str:
    how_sure = str(model.error) if model.cores is None else "not checked on AWS"
    return f"{for_aws(model).source}; {how_sure}"


def simulation_section(model: ScalingModel | None, prices: Prices, limits: Sequence[int]) -> page.Section:
    """The report's section: predicted from the published figures, and from own runs where they are enough."""
    models, works = _models(model), [Work(gigabytes) for gigabytes in WORKLOADS_GB]
    return page.Section(
        "Simulation: larger work on AWS",
        lead=["Predicted, not measured, but for the lines that say so."],
        table=page.Table(HEAD, lines(models, works, limits, prices)),
        notes=notes(models, works[0], prices),
    )


def _models(own: ScalingModel | None) -> list[tuple[str, ScalingModel]]:
    return [("course's system", published()), *([("these runs", own)] if own else [])]


def show(
    works: Sequence[Work], limits: Sequence[int], folder: Path | None, region: str, reporter: Reporter
) -> None:
    """Print the table, from the published figures and from the runs in ``folder`` where there is one."""
    prices = load_prices(region)
    own = None
    if folder:
        results = open_results(folder)
        own = fitted(results.rows, results.ranks)
    reporter.console.print(_table(lines(_models(own), works, limits, prices)))
    for note in notes(_models(own), works[0], prices):
        reporter.message(note, "dim")


def _table(body: Iterable[Sequence[Cell]]) -> Table:
    """For a terminal of 80 columns, hence without the seconds."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    kept = [index for index, name in enumerate(HEAD) if name != "seconds"]
    for index in kept:
        table.add_column(HEAD[index], justify="left" if index < 2 else "right", no_wrap=True)
    for line in body:
        table.add_row(*(shown(line[index]) for index in kept))
    return table
