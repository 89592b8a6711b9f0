"""What the rendezvous server's log says about one execution: pairs and how long ranks waited for each other.

The server knows no executions, only secret names; so its lines are taken by their time. What another
execution on the same server did in that time is counted with it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cosmic_fmi.experiment.aws.cloudwatch import read_events
from cosmic_fmi.experiment.schema import Rendezvous

if TYPE_CHECKING:
    from types_boto3_logs.client import CloudWatchLogsClient

_LATE_MS = 10_000  # a line about the last pairs comes a little after them
_SKEW_S = 2.0


def rendezvous_between(
    client: CloudWatchLogsClient,
    group: str,
    start_s: float,
    end_s: float,
    *,
    expected: int,
    timeout_s: float,
    poll_s: float = 0.3,
) -> Rendezvous | None:
    """Pairs between two times (seconds since 1970); None when the log has none.

    Waits up to ``timeout_s`` for lines until they tell of ``expected`` pairs, as logs arrive late.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        events = read_events(client, group, int(start_s * 1000) - _LATE_MS, int(end_s * 1000) + _LATE_MS)
        found = summed(events, start_s - _SKEW_S, end_s + _SKEW_S)
        if (found["pairs"] if found else 0) >= expected or time.monotonic() >= deadline:
            return found
        time.sleep(poll_s)


def summed(events: Iterable[Mapping[str, Any]], start_s: float, end_s: float) -> Rendezvous | None:
    """The sum over the ``pairs`` lines that began in this time; None when there are none."""
    found = None
    for event in events:
        line = _object(str(event["message"]))
        if line.get("event") == "pairs" and start_s <= float(line["first_at"]) <= end_s:
            before = found or Rendezvous(pairs=0, wait_s=0.0, longest_wait_s=0.0)
            found = Rendezvous(
                pairs=before["pairs"] + int(line["pairs"]),
                wait_s=before["wait_s"] + float(line["wait_s"]),
                longest_wait_s=max(before["longest_wait_s"], float(line["longest_wait_s"])),
            )
    return found


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
