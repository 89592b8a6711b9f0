"""What the ranks of a running execution print, read from their function's log group while it grows.

Which lines are whose is told by the line with which each rank's invocation begins
(:mod:`cosmic_fmi.common.contract.rank_line`).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cosmic_fmi.common.contract.rank_line import is_end_of_script, parse_rank_line
from cosmic_fmi.experiment.aws.cloudwatch import read_events
from cosmic_fmi.experiment.aws.lambda_logs import is_platform_line, started_request
from cosmic_fmi.experiment.targets.base import Target
from cosmic_fmi.experiment.targets.deployment import Deployment

Show = Callable[[int, Sequence[str]], None]

_AHEAD_MS = 60_000
_REST = 4.0
"""Pauses between looks are this many times as long as a look: reading costs the log's server time, too."""


class LiveOutput:
    """The growing output of one execution; ``show`` gets the rank and the lines that are new."""

    def __init__(
        self, target: Target, deployment: Deployment, execution_id: str, show: Show | None = None
    ) -> None:
        self._client = target.clients.logs
        self._group = deployment.log_groups["execute"]
        self._execution_id = execution_id
        self._show = show
        self._since_ms = int(time.time() * 1000) - 10_000
        # Lines of one function arrive late, by seconds, and then between lines that were read already.
        self._late_ms = int(min(10.0, target.log_wait_s / 5) * 1000)
        self._seen: dict[str, int] = {}
        self._streams: dict[str, _Stream] = {}
        self._next = 0.0
        self.requests: dict[int, str] = {}
        """The request id of each rank that has begun."""
        self.lines: defaultdict[int, int] = defaultdict(int)
        """How many lines of that request have been read."""

    def watch(self) -> None:
        """Show what is new, unless the last look was a moment ago or nobody wants to see it."""
        if self._show is not None and time.monotonic() >= self._next:
            started = time.monotonic()
            self.look()
            self._next = time.monotonic() + max(0.3, _REST * (time.monotonic() - started))

    def look(self) -> None:
        """Read what is new, and show it."""
        new: defaultdict[int, list[str]] = defaultdict(list)
        # It is only to look at: the logs are collected in the end, and a busy service says so here.
        with suppress(ClientError, BotoCoreError):
            for event in sorted(self._events(), key=lambda one: one["timestamp"]):
                self._take(event, new)
        for rank in sorted(new):
            self.lines[rank] += len(new[rank])
            if self._show is not None:
                self._show(rank, new[rank])

    def rest(self, output: Mapping[int, Sequence[str]]) -> dict[int, Sequence[str]]:
        """What of the ranks' whole output has not been read yet, without the executor's words at its end."""
        return {
            rank: list(takewhile(lambda line: not is_end_of_script(line), lines))[self.lines.get(rank, 0) :]
            for rank, lines in output.items()
        }

    def _events(self) -> list[Mapping[str, Any]]:
        """Events that are new."""
        until = int(time.time() * 1000) + _AHEAD_MS
        new = []
        # All pages first: if one cannot be had, none of them counts as read.
        for event in list(read_events(self._client, self._group, self._since_ms, until)):
            name = str(event.get("eventId") or (event["logStreamName"], event["timestamp"], event["message"]))
            if name not in self._seen and event["timestamp"] >= self._since_ms:
                self._seen[name] = event["timestamp"]
                new.append(event)
        newest = max((event["timestamp"] for event in new), default=self._since_ms)
        self._since_ms = max(self._since_ms, newest - self._late_ms)
        self._seen = {name: at for name, at in self._seen.items() if at >= self._since_ms}
        return new

    def _take(self, event: Mapping[str, Any], new: dict[int, list[str]]) -> None:
        stream = self._streams.setdefault(event["logStreamName"], _Stream())
        message = str(event["message"])
        if request := started_request(message):
            stream.request, stream.rank = request, None
        elif found := parse_rank_line(message):
            stream.rank = found[1] if found[0] == self._execution_id else None
            if stream.rank is not None and stream.request is not None:
                self._begin(stream.rank, stream.request, new)
        elif is_end_of_script(message):
            stream.rank = None
        elif stream.rank is not None and not is_platform_line(message):
            new[stream.rank].append(message.rstrip("\n"))

    def _begin(self, rank: int, request: str, new: dict[int, list[str]]) -> None:
        if self.requests.get(rank) not in (None, request):  # another attempt: its output is counted anew
            self.lines[rank] = 0
            new.pop(rank, None)
        self.requests[rank] = request


class _Stream:
    """Where reading a log stream has got to."""

    request: str | None = None
    rank: int | None = None
