"""What became of a rank: written by Execute, read by Summarize.

The state machine's own view cannot be trusted on every target, and says little about a script, so each rank
leaves an outcome in S3. A rank that was killed (time limit, memory) leaves none; the state machine then
records the service's error as the rank's failure.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from botocore.exceptions import ClientError

from containers.executor.clients import s3
from cosmic_fmi.common.contract.keys import Attempt
from cosmic_fmi.common.s3 import read_object

_ABSENT = ("NoSuchKey", "404")

CONSEQUENCES = ("RendezvousError", "MismatchError", "Timeout", "PeerFailure")
"""FMI's errors, which come after a script's own: the later in the list, the less they tell about the
cause.
"""


@dataclass
class Outcome:
    """How a rank ended. Times are Unix seconds; ``exit_code`` is None when the script was never started."""

    rank: int
    status: Literal["succeeded", "failed"]
    error_type: str | None = None
    error_message: str | None = None
    traceback: str | None = None
    exit_code: int | None = None
    output_tail: list[str] = field(default_factory=list)
    request_id: str | None = None
    log_stream: str | None = None
    cold_start: bool = False
    started_at: float = 0.0
    ended_at: float = 0.0
    download_seconds: float = 0.0
    download_bytes: int = 0
    objects_downloaded: int = 0
    objects_cached: int = 0
    lost: bool = False
    """Whether the rank wrote no outcome itself; the error then is the service's."""

    @property
    def error(self) -> str:
        """The error in one line, as a traceback ends: ``ValueError: no such band``."""
        return f"{self.error_type}: {self.error_message}"

    def root_cause_order(self) -> tuple[int, float, int]:
        """Sorts failures so that the likeliest root cause comes first: own errors before consequences, by
        time.
        """
        consequence = CONSEQUENCES.index(self.error_type) + 1 if self.error_type in CONSEQUENCES else 0
        return consequence, self.ended_at, self.rank


def write(bucket: str, key: str, outcome: Outcome) -> None:
    """Write a rank's outcome."""
    s3().put_object(Bucket=bucket, Key=key, Body=json.dumps(asdict(outcome)), ContentType="application/json")


def read(bucket: str, attempt: Attempt, rank: int) -> Outcome:
    """Read a rank's outcome of an attempt; one that left none has failed."""
    written = _read_json(bucket, attempt.outcome(rank))
    if written is not None:
        return Outcome(**written)
    recorded = _read_json(bucket, attempt.failure(rank)) or {}
    return Outcome(
        rank=rank,
        status="failed",
        error_type=recorded.get("Error") or "NoOutcome",
        error_message=_service_message(recorded.get("Cause"))
        or "the rank left no outcome and its invocation no error: see its function's log",
        # Its true end is unknown; a killed rank is usually what the others failed for.
        ended_at=0.0,
        lost=True,
    )


def _service_message(cause: str | None) -> str | None:
    """The sentence in a Lambda error's cause, which is JSON for a function's error and text for the service's
    own.
    """
    try:
        parsed = json.loads(cause or "")
    except ValueError:
        return cause
    return parsed.get("errorMessage", cause) if isinstance(parsed, dict) else cause


def _read_json(bucket: str, key: str) -> dict[str, Any] | None:
    try:
        body = read_object(s3(), bucket, key)
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            return None
        raise
    parsed = json.loads(body)
    # AWS quotes the string that the state machine puts as an object's body, the emulator does not.
    return cast(dict[str, Any], json.loads(parsed) if isinstance(parsed, str) else parsed)
