"""Reads CloudWatch Logs: the invocations with given request ids, once they have arrived."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cosmic_fmi.experiment.aws.lambda_logs import Invocation, invocations

if TYPE_CHECKING:
    from types_boto3_logs.client import CloudWatchLogsClient

_STREAMS_A_REQUEST = 100  # what FilterLogEvents takes
_CLOCK_SKEW_MS = 60_000


def collect_invocations(
    client: CloudWatchLogsClient,
    wanted: Mapping[str, Iterable[str]],
    start_ms: int,
    *,
    timeout_s: float,
    poll_s: float = 0.3,
    streams: Mapping[str, str] | None = None,
) -> dict[str, Invocation]:
    """The invocations with these request ids, waiting for logs that arrive late.

    Args:
        wanted: request ids by log group.
        start_ms: time of the first event, ms since 1970.
        timeout_s: how long to wait for reports that are missing. After that returns what is there: an
            invocation without a report has ``report`` None, one without any line is missing.
        streams: the log stream of a request, where it is known; only those are read then.
    """
    found: dict[str, Invocation] = {}
    deadline = time.monotonic() + timeout_s
    missing = {group: set(ids) for group, ids in wanted.items()}
    while any(missing.values()):
        for group, ids in missing.items():
            if ids:
                names = {name for key, name in (streams or {}).items() if key in ids}
                # A stream that is not known can be any of the group's.
                known = all(key in (streams or {}) for key in ids)
                end_ms = int(time.time() * 1000) + _CLOCK_SKEW_MS
                events = read_events(client, group, start_ms, end_ms, sorted(names) if known else ())
                seen = invocations(events)
                found.update({key: value for key, value in seen.items() if key in ids})
                ids -= {key for key, value in seen.items() if value.report is not None}
        if not any(missing.values()) or time.monotonic() >= deadline:
            break
        time.sleep(poll_s)
    return found


def read_events(
    client: CloudWatchLogsClient, group: str, start_ms: int, end_ms: int, streams: Sequence[str] = ()
) -> Iterator[Mapping[str, Any]]:
    """Events of a log group between two times (ms since 1970), all pages, of these streams or of all; none of
    a group or stream that does not exist (yet).
    """
    paginator = client.get_paginator("filter_log_events")
    for first in range(0, max(1, len(streams)), _STREAMS_A_REQUEST):
        some = streams[first : first + _STREAMS_A_REQUEST]
        with suppress(client.exceptions.ResourceNotFoundException):
            pages = (
                paginator.paginate(
                    logGroupName=group, startTime=start_ms, endTime=end_ms, logStreamNames=some
                )
                if some
                else paginator.paginate(logGroupName=group, startTime=start_ms, endTime=end_ms)
            )
            for page in pages:
                yield from page["events"]
