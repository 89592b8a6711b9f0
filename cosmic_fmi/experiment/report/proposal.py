"""The setting that the scaling model proposes for a piece of work, said with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cosmic_fmi.experiment.cost.prices import load_prices
from cosmic_fmi.experiment.model.observations import fitted, published
from cosmic_fmi.experiment.model.prediction import Prediction
from cosmic_fmi.experiment.model.scaling import ScalingModel
from cosmic_fmi.experiment.model.tuned import proposals
from cosmic_fmi.experiment.model.tuning import (
    BATCHES,
    MEMORIES_MB,
    SAFE_MEMORY_MB,
    Choices,
    Objective,
    memory_needed,
    propose,
    within,
    worlds_up_to,
)
from cosmic_fmi.experiment.plan.upload import partitions_for
from cosmic_fmi.experiment.results.groups import Row, usable
from cosmic_fmi.experiment.results.reading import open_results
from cosmic_fmi.experiment.ui.console import Reporter
from inference.survey.synthetic import SAMPLE_SIZE

_LOCAL_MEMORY_MB = 3008  # of the deployment; the embedded AWS is no faster with more
_WORLDS = {"local": 8, "aws": 32}


@dataclass(frozen=True)
class Task:
    """The work and where it is done: on ``target``, local or aws, at the prices of ``region``.

    ``results`` is an experiment to predict from (None: the published figures). Where ``galaxies`` and
    ``partitions`` are None the work is the sample, and ``max_world`` None leaves the usual world sizes.
    """

    target: str
    results: Path | None
    max_world: int | None
    galaxies: int | None
    partitions: int | None
    region: str


def proposal(task: Task, objective: Objective, reporter: Reporter) -> tuple[ScalingModel, Prediction]:
    """The model and the best setting by it; shows the best few.

    Raises ModelError when no setting meets the objective's limits.
    """
    limit = task.max_world or _WORLDS[task.target]
    galaxies, partitions = task.galaxies or SAMPLE_SIZE, task.partitions or partitions_for(limit)
    model, least = published(), SAFE_MEMORY_MB
    rows: list[Row] = []
    if task.results:
        results = open_results(task.results)
        rows = [row for row in usable(results.rows) if row["target"] == task.target]
        model, least = fitted(rows, results.ranks), memory_needed(results.ranks)
    local = task.target == "local"
    memories = [_LOCAL_MEMORY_MB] if local else [size for size in MEMORIES_MB if size >= least]
    choices = Choices(
        within(worlds_up_to(min(limit, partitions)), (row["world_size"] for row in rows)),
        memories or [MEMORIES_MB[-1]],
        within(BATCHES, (row["batch_size"] for row in rows if row["batch_size"])),
    )
    found = propose(model, (galaxies, partitions), choices, objective, load_prices(task.region))
    reporter.message(
        f"{galaxies:,} galaxies in {partitions} partitions, predicted from {model.source}; {model.error}."
    )
    reporter.console.print(proposals(found))
    return model, found[0]
