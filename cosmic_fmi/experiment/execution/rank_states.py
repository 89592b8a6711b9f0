"""How many ranks of a running execution are in which state, as the Map says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_stepfunctions.client import SFNClient


@dataclass(frozen=True)
class RankStates:
    """Numbers of ranks; ``waiting`` ones are not started yet."""

    waiting: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All ranks that the Map knows of."""
        return self.waiting + self.running + self.succeeded + self.failed

    @property
    def done(self) -> int:
        """Ranks that ended, one way or the other."""
        return self.succeeded + self.failed

    def __str__(self) -> str:
        counts = {
            "waiting": self.waiting,
            "running": self.running,
            "done": self.succeeded,
            "failed": self.failed,
        }
        return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


class MapWatch:
    """Looks at the Map of one execution; before the Map has started there is nothing to see."""

    def __init__(self, client: SFNClient, execution_arn: str) -> None:
        self._client = client
        self._execution = execution_arn

    def look(self) -> RankStates | None:
        """The ranks' states at this moment, which may lag by a second; None before the Map has started."""
        try:
            runs = self._client.list_map_runs(executionArn=self._execution)["mapRuns"]
            if not runs:
                return None
            last = max(runs, key=lambda run: run["startDate"])  # an earlier one is of an earlier attempt
            counts = self._client.describe_map_run(mapRunArn=last["mapRunArn"])["itemCounts"]
        except ClientError:  # it is only to look at: the execution itself is watched elsewhere
            return None
        return RankStates(
            waiting=counts["pending"],
            running=counts["running"],
            succeeded=counts["succeeded"],
            failed=counts["failed"] + counts["timedOut"] + counts["aborted"],
        )
