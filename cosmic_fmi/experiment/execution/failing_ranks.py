"""Ranks that fail while others still run: who, why, and the last lines that it printed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from cosmic_fmi.common.contract.outcome import OF_ANOTHER_RANK
from cosmic_fmi.experiment.aws.artifacts import read_endings
from cosmic_fmi.experiment.aws.cloudwatch import collect_invocations
from cosmic_fmi.experiment.aws.failure import parse_failure
from cosmic_fmi.experiment.aws.history import request_of_error
from cosmic_fmi.experiment.targets.base import Target
from cosmic_fmi.experiment.targets.deployment import Deployment
from cosmic_fmi.experiment.ui.console import Reporter

RANKS_SHOWN = 3
LINES_SHOWN = 15


class FailureWatch:
    """Shows the first ranks of an execution that fail, each once."""

    def __init__(self, target: Target, deployment: Deployment, execution_id: str, reporter: Reporter) -> None:
        self._target = target
        self._deployment = deployment
        self._execution_id = execution_id
        self._reporter = reporter
        self._since_ms = int(time.time() * 1000) - 60_000
        self._shown: set[int] = set()

    def look(self) -> None:
        """Show ranks that have failed since the last look, but for those whose error says that they failed
        because another one did.
        """
        if len(self._shown) >= RANKS_SHOWN:
            return
        try:
            outcomes, failures = read_endings(
                self._target.clients.s3, self._deployment.bucket, self._execution_id, self._shown
            )
        except ClientError as error:
            self._reporter.message(f"The ranks' outcomes cannot be read yet: {error}", "dim")
            return
        for rank, outcome in outcomes.items():
            if outcome.status == "failed" and outcome.error_type not in OF_ANOTHER_RANK:
                lines = [*outcome.output_tail, *(outcome.traceback or "").splitlines()]
                self._show(rank, outcome.error, lines)
        for rank in sorted(failures.keys() - outcomes.keys()):
            killed = failures[rank]
            failure = parse_failure("FAILED", killed.get("Error"), killed.get("Cause"))
            self._show(rank, failure.sentence, self._logged(killed))

    def _show(self, rank: int, said: str, lines: Sequence[str]) -> None:
        if rank in self._shown or len(self._shown) >= RANKS_SHOWN:
            return
        self._shown.add(rank)
        last = [line for line in lines if line.strip()][-LINES_SHOWN:]
        self._reporter.event("rank_failed", rank=rank, error=said, lines=last)
        if self._reporter.mode != "json":
            self._reporter.message(f"Rank {rank} failed: {said.splitlines()[0]}", "red", important=True)
            for line in last:
                self._reporter.message(f"  [{rank}] {line}", important=True)

    def _logged(self, failure: Mapping[str, Any]) -> list[str]:
        """What a killed rank had printed, if its log is there already."""
        requests = request_of_error(failure.get("Cause"))
        group = self._deployment.log_groups["execute"]
        found = collect_invocations(
            self._target.clients.logs, {group: requests}, self._since_ms, timeout_s=0.0
        )
        return [
            line.rstrip("\n") for request in requests if request in found for line in found[request].output
        ]
