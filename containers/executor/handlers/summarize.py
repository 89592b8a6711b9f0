"""Summarize: succeed only when every rank did, and put the ranks' results together."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from containers.executor import outcomes
from containers.executor.clients import PARALLEL_REQUESTS, s3
from containers.executor.inputs.course_payload import replaced_by_another
from containers.executor.retry_policy import is_worth_retrying, looks_like_memory
from cosmic_fmi.common.contract import reading
from cosmic_fmi.common.contract.keys import COURSE_PAYLOAD, Execution, Results
from cosmic_fmi.common.contract.outcome import Outcome
from cosmic_fmi.common.s3 import is_absent, read_again

if TYPE_CHECKING:
    from awslambdaric.lambda_context import LambdaContext

T = TypeVar("T")

MOST_REFUSED = 50
"""Refused partitions that an error lists: Step Functions takes 32,768 characters."""


class RankFailure(RuntimeError):  # noqa: N818  the name users see in the execution
    """At least one rank failed. The message starts with the root cause and the rank that had it."""


class WorldLost(RankFailure):
    """Ranks were lost, by no fault of the script: the state machine makes another attempt, if any is left."""


class ResultMissing(RuntimeError):  # noqa: N818
    """A rank succeeded but wrote no result of this execution, or one that cannot be read."""


class PartitionsRefused(RuntimeError):  # noqa: N818
    """Partitions could not be used. The results of all others are whole, and combined all the same."""


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Check the ranks of an execution and combine their results.

    ``event`` is what Initialize returned (and the Map's own result, which is not trusted). Raises
    :class:`WorldLost` for what another attempt may mend, :class:`RankFailure`, :class:`ResultMissing`, or
    once everything is written :class:`PartitionsRefused`; returns a summary of the execution.
    """
    world_size: int = event["world_size"]
    _check_outcomes(event)
    results = Results(event["result_path"])
    bodies = _fresh_objects(event, results.result)
    # The course's scripts write none where there is nothing to do.
    missing = [rank for rank, body in enumerate(bodies[: event["working_ranks"]]) if body is None]
    if event["result_required"] and missing:
        raise ResultMissing(
            f"{_ranks(missing)} wrote no result: the script has to write {event['result_path']}/<rank>.json "
            f"to bucket {event['bucket']} in every execution (it finds both in RESULT_PATH and S3_BUCKET)."
            f"{_whose_payload(event)}"
        )
    parsed = [
        _parse(results.result(rank), rank, body) for rank, body in enumerate(bodies) if body is not None
    ]
    fitted = [reading.fit(result).values for result in parsed]
    predictions_key, left_out = _combine_predictions(event)
    summary = {
        "execution_id": event["execution_id"],
        "status": "succeeded",
        "world_size": world_size,
        "bucket": event["bucket"],
        "result_path": event["result_path"],
        "attempt": event["attempt"],
        "outcome_prefix": event["outcome_prefix"],
        "combined_key": _put(event, results.combined, json.dumps(parsed).encode()) if parsed else None,
        "predictions_key": predictions_key,
        "samples": sum(result.get("num_samples") or 0 for result in fitted),
        "metrics": (fitted[0].get("world_metrics") or {}) if fitted else {},
        "warnings": [*event["warnings"], *left_out],
        "request_ids": {**event["request_ids"], "summarize": context.aws_request_id},
    }
    if refused := [reason for result in fitted for reason in result.get("refused_partitions", ())]:
        raise PartitionsRefused(_without(refused, summary))
    return summary


def _whose_payload(event: Mapping[str, Any]) -> str:
    """A further cause of missing results, for scripts that read the course's payload."""
    other = replaced_by_another(event["bucket"], event["execution_id"]) if event["data_bucket"] else None
    return (
        f" Execution {other} has replaced {COURSE_PAYLOAD} in that bucket meanwhile: scripts that read it "
        "there can run in one execution at a time; others read PAYLOAD_KEY in PAYLOAD_BUCKET."
        if other
        else ""
    )


def _without(refused: Sequence[str], summary: Mapping[str, Any]) -> str:
    """What was left out and where the rest is, in one line; a line each for the others that were left out."""
    several = len(refused) > 1
    keys = [str(summary[key]) for key in ("predictions_key", "combined_key") if summary[key]]
    first = f"{len(refused)} partition{'s' if several else ''} could not be used: {refused[0]}"
    lines = [
        f"{first} All others are predicted ({summary['samples']:,} objects): "
        f"{' and '.join(keys)} in bucket {summary['bucket']}.",
        *refused[1:MOST_REFUSED],
    ]
    if len(refused) > MOST_REFUSED:
        lines.append(f"… and {len(refused) - MOST_REFUSED} more: see refused_partitions in {keys[-1]}")
    return "\n".join(lines)


def _check_outcomes(event: Mapping[str, Any]) -> None:
    world_size, number = event["world_size"], event["attempt"]
    attempt = Execution(event["execution_id"]).attempt(number)
    ended = _in_parallel(lambda rank: outcomes.read(event["state_bucket"], attempt, rank), world_size)
    failed = sorted((one for one in ended if one.status != "succeeded"), key=Outcome.root_cause_order)
    if failed:
        root = failed[0]
        numbers = _numbers(sorted(one.rank for one in failed))
        others = f" ({len(failed)} of {world_size} ranks failed: {numbers})" if len(failed) > 1 else ""
        which = f" in attempt {number}" if number > 1 else ""
        details = f"\n{root.traceback}" if root.traceback else ""
        if looks_like_memory(root):
            others += "; if it happens again, its memory was too small: raise executor_memory_mb"
        place = event.get("rendezvous")
        server = f"{place['host']}:{place['port']}" if place else None
        kind = WorldLost if is_worth_retrying(failed, server) else RankFailure
        raise kind(f"rank {root.rank} failed{which}: {root.error}{others}{details}")


def _fresh_objects(event: Mapping[str, Any], key_of: Callable[[int], str]) -> list[bytes | None]:
    """The bodies of the objects ``key_of(rank)`` by rank; None where this execution wrote none.

    The course's scripts write to the data's bucket, which is mostly the same one.
    """
    # S3 keeps whole seconds, and what an earlier execution left under the same result path is not this one's.
    earliest = datetime.fromtimestamp(
        math.floor(datetime.fromisoformat(event["started_at"]).timestamp()), UTC
    )

    buckets = dict.fromkeys([event["bucket"], event["data_bucket"] or event["bucket"]])

    def read(rank: int) -> bytes | None:
        bodies = (_fresh_object(bucket, key_of(rank), earliest) for bucket in buckets)
        return next((body for body in bodies if body is not None), None)

    return _in_parallel(read, event["world_size"])


def _fresh_object(bucket: str, key: str, earliest: datetime) -> bytes | None:
    def get() -> bytes | None:
        found = s3().get_object(Bucket=bucket, Key=key)
        return found["Body"].read() if found["LastModified"] >= earliest else None

    try:
        return read_again(f"s3://{bucket}/{key}", get)
    except ClientError as error:
        if is_absent(error):
            return None
        raise


def _parse(key: str, rank: int, body: bytes) -> dict[str, Any]:
    try:
        return reading.parse(body)
    except reading.NotAResultError as error:
        raise ResultMissing(f"The result of rank {rank}, {key}, {error}.") from None


def _combine_predictions(event: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """Concatenate the ranks' predictions in rank order; scripts without any are fine.

    Numbers of different types become one that holds both, and a rank may lack columns. The key, and a warning
    for every file that does not fit and is left out: a script's own files may hold anything.
    """
    results = Results(event["result_path"])
    bodies = _fresh_objects(event, results.predictions)
    parts = {rank: body for rank, body in enumerate(bodies) if body is not None}
    if not parts:
        return None, []
    import pyarrow as pa  # noqa: PLC0415  a third of a second that executions without predictions need not wait
    import pyarrow.parquet as pq  # noqa: PLC0415

    from inference.data.prediction_tables import of_any_id, with_one_kind_of_ids  # noqa: PLC0415

    tables: list[pa.Table] = []
    schema, left_out = pa.schema([]), []
    for rank, part in parts.items():
        try:
            table = reading.read_table(part)
            schema = pa.unify_schemas([schema, of_any_id(table.schema)], promote_options="permissive")
            tables.append(table)
        except (reading.NotATableError, pa.ArrowException) as error:
            left_out.append(_left_out(results.predictions(rank), rank, error))
    if not tables:
        return None, left_out
    together = pa.concat_tables(with_one_kind_of_ids(tables), promote_options="permissive")
    combined = io.BytesIO()
    pq.write_table(together, combined, write_page_checksum=True)
    return _put(event, results.combined_predictions, combined.getvalue()), left_out


def _left_out(key: str, rank: int, error: Exception) -> str:
    reason = reading.printable(str(error), 300)
    return (
        f"The predictions of rank {rank}, {key}, are not among the combined "
        f"ones and stay where they are: the file {reason}"
    )


def _put(event: Mapping[str, Any], key: str, body: bytes) -> str:
    s3().put_object(Bucket=event["bucket"], Key=key, Body=body)
    return key


def _in_parallel(read: Callable[[int], T], world_size: int) -> list[T]:
    with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
        return list(pool.map(read, range(world_size)))


def _ranks(ranks: Sequence[int]) -> str:
    return f"Rank{'s' if len(ranks) > 1 else ''} {_numbers(ranks)}"


def _numbers(ranks: Sequence[int], most: int = 20) -> str:
    shown = ", ".join(str(rank) for rank in ranks[:most])
    return shown if len(ranks) <= most else f"{shown}, …"
