"""The best setting for a piece of work by the scaling model: cheapest, fastest, or a balance of the two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosmic_fmi.common.lambda_limits import LARGEST_MB, MB_PER_CPU
from cosmic_fmi.experiment.cost.prices import Prices
from cosmic_fmi.experiment.errors import ModelError
from cosmic_fmi.experiment.model.goals import Goal
from cosmic_fmi.experiment.model.prediction import Prediction, predict
from cosmic_fmi.experiment.model.scaling import ScalingModel, Settings
from cosmic_fmi.experiment.results.rank_row import value

MEMORIES_MB = (1024, MB_PER_CPU, 3008, *(round(MB_PER_CPU * n) for n in (2, 3, 4)), 8846, LARGEST_MB)
"""Sizes to choose from: whole numbers of processors, a common size between, and the largest."""
BATCHES = (32, 64, 128, 256, 512, 1024)
SAFE_MEMORY_MB = 2048
"""What a function gets at least as long as no run has shown what it needs."""
_HEADROOM = 1.3


@dataclass(frozen=True)
class Objective:
    """What is wanted: the goal, and limits in seconds and US dollars of one execution."""

    goal: Goal
    deadline_s: float | None = None
    budget_usd: float | None = None

    def allows(self, prediction: Prediction) -> bool:
        """Whether an execution keeps to the limits, and to Lambda's own."""
        in_time = self.deadline_s is None or prediction.seconds <= self.deadline_s
        paid = self.budget_usd is None or prediction.cost_usd <= self.budget_usd
        return in_time and paid and prediction.possible


@dataclass(frozen=True)
class Choices:
    """What may be chosen."""

    worlds: Sequence[int]
    memories_mb: Sequence[int] = MEMORIES_MB
    batches: Sequence[int] = BATCHES


def worlds_up_to(limit: int) -> list[int]:
    """Powers of two up to the limit, and the limit."""
    return sorted({*(2**power for power in range(limit.bit_length()) if 2**power <= limit), limit})


def within(values: Iterable[int], measured: Iterable[int]) -> list[int]:
    """Those of the values that are near what was measured: from half of the least to twice the most of it.

    The model's error is known where it was fitted, not far beyond. All of them where none is near.
    """
    every, known = list(values), sorted(measured)
    near = [number for number in every if known and known[0] / 2 <= number <= known[-1] * 2]
    return near or every


def memory_needed(ranks: Iterable[Mapping[str, Any]]) -> int:
    """MB that a function needs: what ranks were seen to use and some more, or a safe size without any."""
    used = [found for rank in ranks if (found := value(rank, "report.max_memory_mb"))]
    return int(max(used) * _HEADROOM) if used else SAFE_MEMORY_MB


def propose(
    model: ScalingModel, data: tuple[int, int], choices: Choices, objective: Objective, prices: Prices
) -> list[Prediction]:
    """Predictions of every allowed setting, the best first; functions start cold. ``data``: galaxies, files.

    Raises :class:`~cosmic_fmi.experiment.errors.ModelError` when no setting keeps to the limits; the message
    says how near one can get.
    """
    made = [
        predict(model, model.on_this_target(Settings(world, memory, batch, *data)), prices)
        for world in choices.worlds
        for memory in choices.memories_mb
        for batch in choices.batches
    ]
    allowed = [prediction for prediction in made if objective.allows(prediction)]
    if not allowed:
        raise ModelError(_nothing(made, objective))
    return sorted(
        allowed, key=lambda prediction: (_weight(prediction, objective.goal), prediction.settings.memory_mb)
    )


def _weight(prediction: Prediction, goal: Goal) -> float:
    if goal == "cost":
        return prediction.cost_usd
    # The product: twice as fast may cost twice as much.
    return prediction.seconds * (prediction.cost_usd if goal == "balanced" else 1)


def _nothing(made: Sequence[Prediction], objective: Objective) -> str:
    possible = [prediction for prediction in made if prediction.possible]
    if not possible:
        return "no setting gets a rank done within Lambda's 15 minutes: use more, smaller partitions"
    fastest = min(possible, key=lambda prediction: prediction.seconds)
    cheapest = min(possible, key=lambda prediction: prediction.cost_usd)
    asked = [f"{objective.deadline_s:g} s"] if objective.deadline_s is not None else []
    asked += [f"${objective.budget_usd:g}"] if objective.budget_usd is not None else []
    return (
        f"no setting keeps to {' and '.join(asked)}: the fastest takes {fastest.seconds:.1f} s for "
        f"${fastest.cost_usd:.6f}, the cheapest {cheapest.seconds:.1f} s for ${cheapest.cost_usd:.6f}"
    )
