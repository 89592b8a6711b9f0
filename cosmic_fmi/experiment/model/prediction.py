"""What an execution would take and cost: the scaling model's time, at the prices of a region."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cosmic_fmi.common.contract.outcome import Outcome
from cosmic_fmi.common.lambda_limits import LONGEST_RUN_S, MB_PER_CPU
from cosmic_fmi.experiment.aws.lambda_logs import Report
from cosmic_fmi.experiment.cost import bill as cost
from cosmic_fmi.experiment.cost.prices import Prices
from cosmic_fmi.experiment.model.scaling import ScalingModel, Settings

_INITIALIZE_MB = 512
_FIND_MB = 256
_SUMMARIZE_MB = MB_PER_CPU
_PARENT_STATES = 4
"""Initialize, NeedsRendezvous, the Map and Summarize; FindRendezvous is one more where ranks meet."""
_BUNDLE_OBJECTS = 4
_LOG_BYTES = 1000
"""What an invocation writes into its log, about."""
_RESULT_BYTES = 10_000
"""What a rank leaves in S3, about."""


@dataclass(frozen=True)
class Prediction:
    """Seconds by part (they add up to ``seconds``) and US dollars by item of an execution with ``settings``.

    ``error`` is the relative error to expect of ``seconds``: the model's on settings that it had not seen.
    """

    settings: Settings
    seconds: float
    parts: Mapping[str, float]
    rank_s: float
    """Seconds that a rank's function is billed for."""
    cost_breakdown: Mapping[str, float]
    error: float

    @property
    def cost_usd(self) -> float:
        """US dollars of one execution."""
        return sum(self.cost_breakdown.values())

    @property
    def possible(self) -> bool:
        """Whether a function has the time for it."""
        return self.rank_s <= LONGEST_RUN_S


def predict(model: ScalingModel, settings: Settings, prices: Prices) -> Prediction:
    """What the model says about an execution with these settings, at these prices."""
    parts = model.parts(settings)
    rank_s = sum(seconds for part, seconds in parts.items() if part != "start")
    error = model.error.fitted if model.error.left_out is None else model.error.left_out
    usage = _usage(settings, sum(parts.values()), rank_s, parts["start"])
    items = cost.breakdown(cost.lines(usage, prices))
    return Prediction(settings, sum(parts.values()), parts, rank_s, items, error)


def as_measured(settings: Settings, row: Mapping[str, Any], prices: Prices) -> Prediction:
    """What an execution would take that took as long as the run of this row of ``summary.json``."""
    rank_s = row["map_s"] or row["duration_s"]
    return _lasting(settings, row["duration_s"], rank_s, prices)


def at_most(settings: Settings, prices: Prices) -> Prediction:
    """The most that an execution can take: every rank runs until Lambda ends it."""
    return _lasting(settings, LONGEST_RUN_S, LONGEST_RUN_S, prices)


def _lasting(settings: Settings, seconds: float, rank_s: float, prices: Prices) -> Prediction:
    usage = _usage(settings, seconds, rank_s, seconds - rank_s)
    items = cost.breakdown(cost.lines(usage, prices))
    return Prediction(settings, seconds, {"ranks": rank_s, "start": seconds - rank_s}, rank_s, items, 0.0)


def _usage(settings: Settings, total_s: float, rank_s: float, start_s: float) -> cost.Usage:
    """What would be billed: the other functions for no more than the time outside the ranks."""
    world = settings.world_size
    meet = world > 1
    files = math.ceil((settings.partitions or world) / world) if settings.galaxies else 0
    gets, puts = cost.s3_requests(
        world,
        [Outcome(0, "succeeded", objects_downloaded=_BUNDLE_OBJECTS if settings.cold else 0)] * world,
        [{"s3_num_requests": files}] * world,
    )
    sizes = (_INITIALIZE_MB, *((_FIND_MB,) if meet else ()), _SUMMARIZE_MB)
    outside_s = min(start_s, 2.0) / len(sizes)
    return cost.Usage(
        ranks=(_report(rank_s, settings.memory_mb),) * world,
        others=tuple(_report(outside_s, memory) for memory in sizes),
        parent_transitions=_PARENT_STATES + meet,
        map_children=world,
        s3_get=gets,
        s3_put=puts,
        stored_bytes=_RESULT_BYTES * world,
        log_bytes=_LOG_BYTES * (world + len(sizes)),
        rendezvous_s=cost.rendezvous_seconds(total_s, on_demand=False) if meet else 0.0,
    )


def _report(seconds: float, memory_mb: int) -> Report:
    milliseconds = float(math.ceil(seconds * 1000))
    return Report("predicted", milliseconds, milliseconds, memory_mb, memory_mb)
