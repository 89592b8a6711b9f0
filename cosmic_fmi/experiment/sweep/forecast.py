"""What a sweep will take and cost, run by run, before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cosmic_fmi.experiment.cost import bill as cost
from cosmic_fmi.experiment.cost.prices import RENDEZVOUS_IDLE_S, Prices
from cosmic_fmi.experiment.errors import ModelError
from cosmic_fmi.experiment.model.observations import fitted, published
from cosmic_fmi.experiment.model.prediction import Prediction, as_measured, at_most, predict
from cosmic_fmi.experiment.model.scaling import ScalingModel, Settings
from cosmic_fmi.experiment.plan.inputs import Data
from cosmic_fmi.experiment.plan.plan import RunSpec, Setting
from cosmic_fmi.experiment.results.groups import usable

_DEFAULT_BATCH = 512
Past = Sequence[Mapping[str, Any]]
"""Rows of ``summary.json``, oldest first."""


@dataclass(frozen=True)
class Forecast:
    """Predictions by run, in the runs' order, and the model that made them.

    ``unknown_data`` says that the size of the data could not be found out, so that transfer and inference are
    missing.
    """

    runs: tuple[tuple[RunSpec, Prediction], ...]
    model: ScalingModel
    unknown_data: bool = False
    idle_usd: float = 0.0
    """Of the rendezvous server, which runs on for a while after the last execution."""
    is_limit: bool = False
    """Whether nothing is known of the program, so that the predictions are the most that is possible."""
    is_of_program: bool = False
    """Whether earlier runs of the program say what to expect."""
    is_timed: bool = True
    """Whether the seconds are those of the target; else only the cost on AWS is known."""

    @property
    def seconds(self) -> float | None:
        """Of all executions, one after the other; None where that is not known."""
        return sum(prediction.seconds for _, prediction in self.runs) if self.is_timed else None

    @property
    def source(self) -> str:
        """Where the numbers come from, and how far they may be off."""
        if self.is_of_program:
            return "earlier runs of the program"
        return f"{self.model.source}, {self.model.error}"

    def seconds_of(self, prediction: Prediction) -> float | None:
        """Of one execution; None where that is not known."""
        return prediction.seconds if self.is_timed else None

    @property
    def cost_usd(self) -> float:
        """Of all executions, on AWS, and of what runs on after them."""
        return sum(prediction.cost_usd for _, prediction in self.runs) + self.idle_usd


def model_of(
    rows: Sequence[Mapping[str, Any]], ranks: Sequence[Mapping[str, Any]], target: str
) -> ScalingModel:
    """The model of this experiment's own runs on the target, or of the published figures while they are too
    few.
    """
    try:
        return fitted([row for row in usable(rows) if row["target"] == target], ranks)
    except ModelError:
        return published()


def forecast(
    specs: Sequence[RunSpec],
    data: Mapping[Setting, Data | None],
    model: ScalingModel,
    prices: Prices,
    *,
    default_memory_mb: int,
    cores: int | None = None,
    program: Past | None = None,
) -> Forecast:
    """Predict each run. ``cores`` are those that all ranks share on the embedded AWS; None on AWS.

    A run is cold when no run before it, with the same memory, had as many ranks. Of a program of one's own
    the published figures say nothing, nor of this machine: there only own runs do. ``program`` are those of
    the program on this target; None for what the model describes.
    """
    is_published = model is published()
    own = program if is_published else None
    warm: dict[int, int] = {}
    made, unknown = [], False
    last_memory = None
    for spec in specs:
        memory = spec.memory_mb or default_memory_mb
        if memory != last_memory:
            warm, last_memory = {}, memory
        known = data.get(spec.setting)
        if known is None or known.files == 0:  # a prefix without files is for Initialize to refuse
            known, unknown = replace(known or Data(0, None, 0), files=None), True
        world = spec.world_size or known.world_size or known.files or 1
        settings = Settings(
            world_size=world,
            memory_mb=memory,
            batch_size=spec.batch_size or known.batch_size or _DEFAULT_BATCH,
            galaxies=known.galaxies,
            partitions=known.files,
            cold=world > warm.get(memory, 0),
            data_bytes=known.bytes,
        )
        warm[memory] = max(world, warm.get(memory, 0))
        prediction = predict(model, settings, prices) if own is None else _of_program(own, settings, prices)
        if cores is not None and own is None:  # time of this machine's cores, cost of AWS's
            here = predict(model, replace(settings, cores=cores), prices)
            prediction = replace(prediction, seconds=here.seconds, parts=here.parts)
        made.append((spec, prediction))
    idle = cost.rendezvous(RENDEZVOUS_IDLE_S, prices) if _meet(made) else []
    return Forecast(
        tuple(made),
        model,
        unknown,
        sum(line.amount_usd for line in idle),
        is_limit=own is not None and not own,
        is_of_program=bool(own),
        is_timed=bool(own) if own is not None else cores is None or not is_published,
    )


def _of_program(past: Past, settings: Settings, prices: Prices) -> Prediction:
    """As the latest run of the nearest world size, or else the most that is possible."""
    if not past:
        return at_most(settings, prices)
    nearest = min(reversed(past), key=lambda row: abs(row["world_size"] - settings.world_size))
    return as_measured(settings, nearest, prices)


def _meet(made: Sequence[tuple[RunSpec, Prediction]]) -> bool:
    """Whether any run needs the rendezvous server."""
    return any(prediction.settings.world_size > 1 for _, prediction in made)
