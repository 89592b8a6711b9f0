"""The ranks' outcomes in S3: written by Execute, read by Summarize."""

from __future__ import annotations

import json
from typing import Any, cast

from containers.executor.clients import s3
from cosmic_fmi.common.contract.keys import Attempt
from cosmic_fmi.common.contract.outcome import Outcome, parse
from cosmic_fmi.common.s3 import read_if_there


def write(bucket: str, key: str, outcome: Outcome) -> None:
    """Write a rank's outcome."""
    body = json.dumps(outcome.to_json())
    s3().put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def read(bucket: str, attempt: Attempt, rank: int) -> Outcome:
    """Read a rank's outcome of an attempt; one that left none has failed."""
    written = _read_json(bucket, attempt.outcome(rank))
    if written is not None:
        return Outcome.from_json(rank, written)
    return Outcome.of_lost(rank, _read_json(bucket, attempt.failure(rank)) or {})


def _read_json(bucket: str, key: str) -> dict[str, Any] | None:
    body = read_if_there(s3(), bucket, key)
    return None if body is None else cast(dict[str, Any], parse(body))
