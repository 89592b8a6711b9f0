"""Where an execution's time went: along the rank that ended last, for which everybody waited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmic_fmi.common.contract.outcome import Outcome
from cosmic_fmi.experiment.aws.history import Timings
from cosmic_fmi.experiment.schema import PHASES

_OF_SCRIPT = ("download", "import", "setup", "inference", "reduce")


def phases(
    times: Timings,
    outcomes: Mapping[int, Outcome],
    results: Mapping[int, Mapping[str, Any]],
) -> dict[str, float]:
    """Seconds by phase, with the keys of :data:`~cosmic_fmi.experiment.schema.PHASES`; they add up to the
    duration.

    ``outcomes`` and ``results`` are what the executor and the script wrote, by rank. Empty when no rank
    ended. Clocks of functions and of Step Functions differ a little, so a phase is at least 0 and ``other``
    takes what is left, which may be slightly below 0.
    """
    ended = {rank: outcome for rank, outcome in outcomes.items() if outcome.ended_at}
    if not ended or times.map_entered_at is None:
        return {}
    last = max(ended, key=lambda rank: ended[rank].ended_at)
    outcome, result = outcomes[last], results.get(last, {})
    spent = result.get("phases")
    of_script = dict(spent) if isinstance(spent, Mapping) else {}
    found = {
        "init": times.init_s or 0.0,
        "start": (times.start_s or 0.0) + max(0.0, outcome.started_at - times.map_entered_at.timestamp()),
        **{name: float(of_script.get(name) or 0.0) for name in _OF_SCRIPT},
        "summarize": times.summarize_s or 0.0,
    }
    found["download"] += outcome.download_seconds
    found["other"] = times.duration_s - sum(found.values())
    return {name: found[name] for name in PHASES}
