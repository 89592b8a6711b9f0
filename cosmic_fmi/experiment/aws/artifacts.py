"""What an execution left in S3: the manifest, the ranks' outcomes, failures, results and predictions."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from botocore.exceptions import ClientError

from cosmic_fmi.common.contract import reading
from cosmic_fmi.common.contract.keys import Attempt, Execution, Results, by_rank
from cosmic_fmi.common.contract.outcome import Outcome, parse
from cosmic_fmi.common.s3 import is_absent, is_no_bucket, list_objects, read_object
from cosmic_fmi.experiment.aws.history import request_of_error

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_THREADS = 16


@dataclass
class Artifacts:
    """Everything by rank; ``files`` is None when Initialize refused the input and left no manifest."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    """What the executor wrote: status, request id, times, the end of the output."""
    failures: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What the state machine recorded of ranks that were killed: ``Error`` and ``Cause``."""
    results: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What the script wrote."""
    predictions: dict[int, pa.Table] = field(default_factory=dict)
    left_out: dict[int, list[str]] = field(default_factory=dict)
    """What of results and predictions did not fit the contract; the objects in S3 have it all."""
    files: int | None = None
    begun: dict[int, str] = field(default_factory=dict)
    """Request ids of ranks that were seen to begin, and that may have left nothing."""
    stored_bytes: int = 0
    """Size of all of these together."""
    earlier: list[Artifacts] = field(default_factory=list)
    """Outcomes and failures of attempts before the last one, which were paid for as well."""

    def request_ids(self) -> dict[int, str]:
        """Lambda's request id of each rank that is known to have run, killed ones included."""
        found = {rank: outcome.request_id for rank, outcome in self.outcomes.items() if outcome.request_id}
        for rank, failure in self.failures.items():
            for request in request_of_error(failure.get("Cause")):
                found.setdefault(rank, request)
        return {**self.begun, **found}

    def all_requests(self) -> set[str]:
        """The request ids of the ranks of every attempt."""
        return {request for one in (self, *self.earlier) for request in one.request_ids().values()}

    def log_streams(self) -> dict[str, str]:
        """The log stream of each request, where the rank could say so."""
        return {
            outcome.request_id: outcome.log_stream
            for one in (self, *self.earlier)
            for outcome in one.outcomes.values()
            if outcome.request_id and outcome.log_stream
        }


def read_artifacts(
    s3: S3Client,
    state_bucket: str,
    execution_id: str,
    bucket: str,
    result_path: str,
    *,
    started_at: datetime,
) -> Artifacts:
    """Read what an execution left below ``executions/<id>/`` and below ``result_path``.

    A result path may hold the results of an earlier execution too; those are not taken.
    """
    execution = Execution(execution_id)
    kept = _listing(s3, state_bucket, f"{execution.folder}/")
    attempts = [_endings(s3, state_bucket, kept, attempt) for attempt in execution.attempts(kept)]
    found = attempts[-1]
    found.earlier = attempts[:-1]
    found.stored_bytes = sum(kept.values())
    if not bucket or not result_path:
        return found
    results = Results(result_path)
    # A script of one's own need not say whose result it is, so the time tells; S3 keeps whole seconds.
    there = _listing(s3, bucket, results.prefix, started_at.replace(microsecond=0))
    found.results = {
        rank: result
        for rank, result in _results(s3, bucket, by_rank(there, results.result)).items()
        if result.get("execution_id", execution_id) == execution_id
    }
    tables = {rank: key for rank, key in by_rank(there, results.predictions).items() if rank in found.results}
    _fit_results(found)
    _read_predictions(found, _read_all(s3, bucket, tables))
    found.stored_bytes += sum(size for key, size in there.items() if key not in kept)
    return found


def _fit_results(found: Artifacts) -> None:
    for rank, written in found.results.items():
        result = reading.fit(written)
        found.results[rank] = result.values
        if result.left_out:
            found.left_out[rank] = [f"in its result {what}" for what in result.left_out]


def _read_predictions(found: Artifacts, bodies: Mapping[int, bytes]) -> None:
    for rank, body in bodies.items():
        try:
            found.predictions[rank] = reading.read_table(body)
        except reading.NotATableError as error:
            found.left_out.setdefault(rank, []).append(f"its predictions file {error}")


def _endings(s3: S3Client, bucket: str, keys: Mapping[str, int], attempt: Attempt) -> Artifacts:
    """Outcomes, failures and the number of files of one attempt."""
    found = Artifacts(
        outcomes=_outcomes(s3, bucket, by_rank(keys, attempt.outcome)),
        failures=_objects(s3, bucket, by_rank(keys, attempt.failure)),
    )
    if attempt.manifest in keys:
        manifest = json.loads(read_object(s3, bucket, attempt.manifest))
        found.files = sum(len(item.get("data_files") or ()) for item in manifest)
    return found


def read_endings(
    s3: S3Client, bucket: str, execution_id: str, known: Collection[int] = ()
) -> tuple[dict[int, Outcome], dict[int, dict[str, Any]]]:
    """Outcomes and failures, by rank, that an execution has left so far, without those of ranks ``known``."""
    attempt = Execution(execution_id).attempt()

    def unknown(prefix: str, key_of: Callable[[int], str]) -> dict[int, str]:
        keys = by_rank(_listing(s3, bucket, f"{prefix}/"), key_of)
        return {rank: key for rank, key in keys.items() if rank not in known}

    outcomes = _outcomes(s3, bucket, unknown(attempt.outcomes, attempt.outcome))
    return outcomes, _objects(s3, bucket, unknown(attempt.failures, attempt.failure))


def _listing(s3: S3Client, bucket: str, prefix: str, since: datetime | None = None) -> dict[str, int]:
    """Size of every object below a prefix; none when there is no such bucket (a failure said so already)."""
    try:
        return {
            item["Key"]: item.get("Size", 0)
            for item in list_objects(s3, bucket, prefix)
            if since is None or item["LastModified"] >= since
        }
    except ClientError as error:
        if is_absent(error) or is_no_bucket(error):
            return {}
        raise


def _outcomes(s3: S3Client, bucket: str, keys: Mapping[int, str]) -> dict[int, Outcome]:
    written = _objects(s3, bucket, keys)
    return {rank: Outcome.from_json(rank, value) for rank, value in written.items()}


def _objects(s3: S3Client, bucket: str, keys: Mapping[int, str]) -> dict[int, dict[str, Any]]:
    parsed = {rank: _parsed(body) for rank, body in _read_all(s3, bucket, keys).items()}
    return {rank: value for rank, value in parsed.items() if isinstance(value, dict)}


def _results(s3: S3Client, bucket: str, keys: Mapping[int, str]) -> dict[int, dict[str, Any]]:
    """The results that can be read; Summarize has said so of the others."""
    found = {}
    for rank, body in _read_all(s3, bucket, keys).items():
        with suppress(reading.NotAResultError):
            found[rank] = reading.parse(body)
    return found


def _parsed(body: bytes) -> object:
    try:
        return parse(body)
    except ValueError:
        return None


def _read_all(s3: S3Client, bucket: str, keys: Mapping[int, str]) -> dict[int, bytes]:
    if not keys:
        return {}
    with ThreadPoolExecutor(min(_THREADS, len(keys))) as pool:
        bodies = pool.map(lambda key: read_object(s3, bucket, key), keys.values())
        return dict(zip(keys, bodies, strict=True))
