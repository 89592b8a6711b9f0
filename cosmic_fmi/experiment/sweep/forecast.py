"""What a sweep will take and cost, run by run, before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cosmic_fmi.experiment.cost import bill as cost
from cosmic_fmi.experiment.cost.prices import RENDEZVOUS_IDLE_S, Prices
from cosmic_fmi.experiment.errors import ModelError
from cosmic_fmi.experiment.model.observations import fitted, published
from cosmic_fmi.experiment.model.prediction import Prediction, predict
from cosmic_fmi.experiment.model.scaling import ScalingModel, Settings
from cosmic_fmi.experiment.plan.inputs import Data
from cosmic_fmi.experiment.plan.plan import RunSpec, Setting
from cosmic_fmi.experiment.results.groups import usable

_DEFAULT_BATCH = 512


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

    @property
    def seconds(self) -> float:
        """Of all executions, one after the other."""
        return sum(prediction.seconds for _, prediction in self.runs)

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
) -> Forecast:
    """Predict each run. ``cores`` are those that all ranks share on the embedded AWS; None on AWS.

    A run is cold when no run before it, with the same memory, had as many ranks.
    """
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
        prediction = predict(model, settings, prices)
        if cores is not None:  # time of this machine's cores, cost of AWS's
            here = predict(model, replace(settings, cores=cores), prices)
            prediction = replace(prediction, seconds=here.seconds, parts=here.parts)
        made.append((spec, prediction))
    idle = cost.rendezvous(RENDEZVOUS_IDLE_S, prices) if _meet(made) else []
    return Forecast(tuple(made), model, unknown, sum(line.amount_usd for line in idle))


def _meet(made: Sequence[tuple[RunSpec, Prediction]]) -> bool:
    """Whether any run needs the rendezvous server."""
    return any(prediction.settings.world_size > 1 for _, prediction in made)
