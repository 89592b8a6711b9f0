"""The `payload.json` of the course: its data-parallel scripts read from it what their rank has to do.

They read one fixed key of the bucket, whichever execution they belong to, so two executions at a time would
take each other's. The same is therefore written once more below the execution's own folder, and its place is
in the variables PAYLOAD_BUCKET and PAYLOAD_KEY.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from containers.executor.clients import s3
from containers.executor.deal import course_form
from containers.executor.inputs.listing import list_objects
from cosmic_fmi.common.contract.keys import COURSE_PAYLOAD, Execution, Results
from cosmic_fmi.common.lambda_limits import LONGEST_RUN_S

LONGEST_RUN = timedelta(seconds=LONGEST_RUN_S)
"""How long a rank may live on AWS Lambda, and thus need its payload."""


def content(
    typed: Mapping[str, Any], shares: Sequence[Sequence[str]], **known: str | int | None
) -> dict[str, Any]:
    """The execution input as it was typed, what is ``known`` beside it, and ``data_map``: files by rank.

    The script's variables are left out: the file is for everybody who may read the bucket, and stays there.
    """
    kept = {key: value for key, value in typed.items() if key != "environment"}
    return {**kept, **known, "data_map": {str(rank): course_form(share) for rank, share in enumerate(shares)}}


def write(payload: Mapping[str, Any], bucket: str, state_bucket: str) -> list[str]:
    """Write both copies. Returns what to warn of: another execution that may still need the course's."""
    body = json.dumps(payload, indent=4)
    s3().put_object(
        Bucket=state_bucket,
        Key=Execution(payload["execution_id"]).payload,
        Body=body,
        ContentType="application/json",
    )
    other = replaced_by_another(bucket, payload["execution_id"])
    try:
        s3().put_object(Bucket=bucket, Key=COURSE_PAYLOAD, Body=body, ContentType="application/json")
    except ClientError as error:
        return [
            f"{COURSE_PAYLOAD} cannot be written to bucket {bucket} ({error}): scripts that read it fail."
        ]
    return [_warning(other, bucket)] if other else []


def _warning(other: str, bucket: str) -> str:
    minutes = LONGEST_RUN.seconds // 60
    return (
        f"Execution {other} wrote {COURSE_PAYLOAD} to bucket {bucket} less than {minutes} minutes ago: "
        "if it is still running, its scripts that read that file now read this execution's."
    )


def replaced_by_another(bucket: str, execution_id: str) -> str | None:
    """The other execution whose payload lies at the course's place and that may be running, or None."""
    try:
        found = s3().get_object(Bucket=bucket, Key=COURSE_PAYLOAD)
        there = json.loads(found["Body"].read())
    except (ClientError, ValueError):  # there is none yet, or it is somebody else's
        return None
    other = there.get("execution_id") if isinstance(there, dict) else None
    if other in (None, execution_id) or datetime.now(UTC) - found["LastModified"] > LONGEST_RUN:
        return None
    return None if _is_finished(bucket, there.get("result_path"), found["LastModified"]) else str(other)


def _is_finished(bucket: str, result_path: object, since: datetime) -> bool:
    """Whether an execution combined its results after its payload was written."""
    key = Results(str(result_path)).combined
    combined = list_objects(bucket, key, most=1)
    return any(entry["Key"] == key and entry["LastModified"] >= since for entry in combined)
