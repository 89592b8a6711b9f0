"""What an execution used, in the units that AWS bills, from what it left behind."""

from __future__ import annotations

from collections.abc import Mapping

from cosmic_fmi.experiment.aws.artifacts import Artifacts
from cosmic_fmi.experiment.aws.lambda_logs import Invocation
from cosmic_fmi.experiment.cost.bill import Usage, rendezvous_seconds, s3_requests
from cosmic_fmi.experiment.execution.runner import Finished


def usage(finished: Finished, left: Artifacts, found: Mapping[str, Invocation]) -> Usage:
    """The usage of a run whose logs are ``found``, by request id; every attempt of a world counts."""
    of_ranks = left.all_requests()
    children = finished.timings.attempts * finished.world_size
    outcomes = [outcome for one in (left, *left.earlier) for outcome in one.outcomes.values()]
    gets, puts = s3_requests(children, outcomes, left.results.values())
    reports = {key: item.report for key, item in found.items() if item.report}
    met = finished.timings.start_s is not None  # not where the input says that no rank meets another
    return Usage(
        ranks=tuple(report for key, report in reports.items() if key in of_ranks),
        others=tuple(report for key, report in reports.items() if key not in of_ranks),
        parent_transitions=finished.timings.transitions,
        map_children=children,
        s3_get=gets,
        s3_put=puts,
        stored_bytes=left.stored_bytes,
        log_bytes=sum(item.ingested_bytes for item in found.values()),
        rendezvous_s=rendezvous_seconds(finished.timings.duration_s, on_demand=False) if met else 0.0,
        ephemeral_mb=finished.execution.ephemeral_mb,
    )
