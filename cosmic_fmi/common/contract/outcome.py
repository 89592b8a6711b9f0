"""How a rank ended: written by Execute, read by Summarize and by whoever collects results.

The state machine's own view cannot be trusted on every target, and says little about a script, so each rank
leaves an outcome in S3. A rank that was killed (time limit, memory) leaves none; the state machine then
records the service's error as the rank's failure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

OF_ANOTHER_RANK = ("MismatchError", "Timeout", "PeerFailure")
"""FMI's errors that a rank may have because another one failed."""

CONSEQUENCES = ("RendezvousError", *OF_ANOTHER_RANK)
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
    output_files: int = 0
    output_bytes: int = 0
    output_left_out: list[str] = field(default_factory=list)
    """What the script left in OUTPUT_PATH and was uploaded; what was not, each with the reason."""
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

    def to_json(self) -> dict[str, Any]:
        """The object that is written at the rank's key."""
        return asdict(self)

    @classmethod
    def from_json(cls, rank: int, written: Mapping[str, Any]) -> Outcome:
        """Read what :meth:`to_json` of this or another version made; fields that are not known are left out.

        One without a status has failed.
        """
        known = {one.name for one in fields(cls)}
        kept = {name: value for name, value in written.items() if name in known}
        return cls(**{"rank": rank, "status": "failed", **kept})

    @classmethod
    def of_lost(cls, rank: int, failure: Mapping[str, Any]) -> Outcome:
        """The outcome of a rank that left none, from the ``Error`` and ``Cause`` that the state machine
        recorded, if it did.
        """
        return cls(
            rank=rank,
            status="failed",
            error_type=failure.get("Error") or "NoOutcome",
            error_message=_service_message(failure.get("Cause"))
            or "the rank left no outcome and its invocation no error: see its function's log",
            # Its true end is unknown; a killed rank is usually what the others failed for.
            ended_at=0.0,
            lost=True,
        )


def parse(body: bytes) -> object:
    """The JSON of an outcome or a failure. Raises ValueError when it is none.

    AWS quotes the string that the state machine puts as an object's body, the embedded AWS does not.
    """
    parsed = json.loads(body)
    return json.loads(parsed) if isinstance(parsed, str) else parsed


def _service_message(cause: str | None) -> str | None:
    """The sentence in a Lambda error's cause, which is JSON for a function's error and text for the service's
    own.
    """
    try:
        parsed = json.loads(cause or "")
    except ValueError:
        return cause
    return parsed.get("errorMessage", cause) if isinstance(parsed, dict) else cause
