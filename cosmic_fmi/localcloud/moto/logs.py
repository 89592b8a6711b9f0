"""CloudWatch Logs from inside the daemon, and the lines that Lambda writes around an invocation."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from moto.core import DEFAULT_ACCOUNT_ID
from moto.logs.models import logs_backends

from cosmic_fmi.localcloud.moto.backends import find_function

# moto's log streams are plain lists without a lock of their own.
_LOCK = threading.Lock()


class LogStream:
    """One stream of a log group; both appear with the first line written.

    What is written once `wanted` says no, and the group is gone, is lost: it must not bring the group back.
    So is what `permitted` forbids, as on AWS, where whoever writes needs the permission to.
    """

    def __init__(
        self,
        region: str,
        group: str,
        stream: str,
        wanted: Callable[[], bool] = lambda: True,
        permitted: Callable[[LogStream], bool] = lambda _: True,
    ) -> None:
        self.group = group
        self.name = stream
        self._wanted = wanted
        self._permitted = permitted
        self._backend = logs_backends[DEFAULT_ACCOUNT_ID][region]

    def group_exists(self) -> bool:
        """Whether its group is there already."""
        return self.group in self._backend.groups

    def exists(self) -> bool:
        """Whether something was written to it already."""
        return self.group_exists() and self.name in self._backend.groups[self.group].streams

    def write(self, lines: Sequence[str]) -> None:
        """Append one event a line, stamped with the current time."""
        if not lines or not self._permitted(self):
            return
        now = int(time.time() * 1000)
        with _LOCK:
            if self.group not in self._backend.groups and not self._wanted():
                return
            self._backend.ensure_log_group(self.group)
            self._backend.ensure_log_stream(self.group, self.name)
            self._backend.put_log_events(
                self.group, self.name, [{"timestamp": now, "message": line} for line in lines]
            )


def function_stream(
    region: str, function_name: str, permitted: Callable[[LogStream], bool] = lambda _: True
) -> LogStream:
    """A new stream named as Lambda names the stream of a new environment."""
    day = datetime.now(tz=UTC).strftime("%Y/%m/%d")
    return LogStream(
        region,
        f"/aws/lambda/{function_name}",
        f"{day}/[$LATEST]{uuid.uuid4().hex}",
        wanted=lambda: find_function(function_name, region) is not None,
        permitted=permitted,
    )


@dataclass(frozen=True)
class Usage:
    """What one invocation used: times in ms, memory in MB; `init_ms` is set on a cold start only."""

    duration_ms: float
    init_ms: float | None
    memory_size_mb: int
    max_memory_mb: int
    status: str | None = None
    error_type: str | None = None

    @property
    def billed_ms(self) -> int:
        """Init and duration together, rounded up to the next millisecond."""
        return max(1, math.ceil(self.duration_ms + (self.init_ms or 0.0)))


def start_line(request_id: str) -> str:
    """The line before an invocation."""
    return f"START RequestId: {request_id} Version: $LATEST\n"


def init_timeout_line(seconds: float) -> str:
    """The line of an environment that did not load in time."""
    return f"INIT_REPORT Init Duration: {seconds * 1000:.2f} ms\tPhase: init\tStatus: timeout\t\n"


def end_line(request_id: str) -> str:
    """The line after an invocation's own output."""
    return f"END RequestId: {request_id}\n"


def report_line(request_id: str, usage: Usage) -> str:
    """The REPORT line with AWS's fields, tab-separated, in AWS's order."""
    fields = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {usage.duration_ms:.2f} ms",
        f"Billed Duration: {usage.billed_ms} ms",
        f"Memory Size: {usage.memory_size_mb} MB",
        f"Max Memory Used: {usage.max_memory_mb} MB",
    ]
    if usage.init_ms is not None:
        fields.append(f"Init Duration: {usage.init_ms:.2f} ms")
    if usage.status is not None:
        fields.append(f"Status: {usage.status}")
    if usage.error_type is not None:
        fields.append(f"Error Type: {usage.error_type}")
    return "\t".join(fields) + "\t\n"


def timestamp() -> str:
    """Now as Lambda writes it into its own messages, such as 2026-01-31T12:00:00.123Z."""
    return datetime.now(tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
