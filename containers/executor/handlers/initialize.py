"""Initialize: check the execution input, deal the data out, write the manifest that the Map reads."""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from containers.executor.clients import lambda_, s3
from containers.executor.deal import split
from containers.executor.inputs import course_payload
from containers.executor.inputs.listing import list_objects
from containers.executor.inputs.mistakes import InputError, raise_all
from containers.executor.inputs.payload import ExecutionInput, parse
from containers.executor.rank_event import FMISettings, RankEvent
from containers.executor.script import check_bundle
from containers.executor.script.archive import Archive, look_into
from cosmic_fmi.common.contract.keys import Execution, Results, by_rank
from cosmic_fmi.common.digests import digest
from cosmic_fmi.common.lambda_limits import PAYLOAD_BYTES
from cosmic_fmi.common.natural_order import natural_key

if TYPE_CHECKING:
    from awslambdaric.lambda_context import LambdaContext

log = logging.getLogger(__name__)

MOST_ITEM_BYTES = PAYLOAD_BYTES - 16 * 1024
"""What the Map adds to an item has to fit in, too."""

_SMALLER_SHARES = {"dealt": 'raise "world_size"', "shared": "deal the files out instead of sharing them"}


class DataFile(NamedTuple):
    """What a listing says of a data file; ``size`` in bytes."""

    etag: str
    size: int


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Prepare an execution.

    ``event`` holds the execution's ``input``, ``execution_arn``, ``execution_id`` (null where the emulator
    has none), ``started_at`` and, for another attempt at a world that was lost, ``attempt``. Returns what the
    later states need; raises :class:`InputError` with one sentence for each mistake in the input.
    """
    wanted = parse(event["input"])
    execution_id = event.get("execution_id") or event["execution_arn"].rpartition(":")[2]
    files, packages = _checked(wanted)
    number = int(event.get("attempt", 1))
    attempt = Execution(execution_id).attempt(number)
    ranks = _rank_events(wanted, execution_id, number, files, packages)
    items = [rank.to_json() for rank in ranks]
    _check_items(items)
    s3().put_object(
        Bucket=os.environ["STATE_BUCKET"],
        Key=attempt.manifest,
        Body=json.dumps(items),
        ContentType="application/json",
    )
    log.info("%s: %d ranks, %d data files", execution_id, wanted.world_size, len(files))
    warnings = _write_course_payload(wanted, ranks) if ranks[0].payload_key else []
    return {
        "execution_id": execution_id,
        "attempt": number,
        "bucket": wanted.bucket,
        "data_bucket": wanted.data_bucket,
        "state_bucket": os.environ["STATE_BUCKET"],
        "manifest_key": attempt.manifest,
        "outcome_prefix": attempt.outcomes,
        "world_size": wanted.world_size,
        "needs_rendezvous": wanted.world_size > 1 and wanted.rendezvous,
        "rendezvous": None,
        "result_path": ranks[0].result_path,
        "result_required": wanted.result_path is not None,
        "working_ranks": min(len(files), wanted.world_size)
        if files and wanted.data_download != "shared"
        else wanted.world_size,
        "started_at": event["started_at"],
        "warnings": warnings,
        "request_ids": {"initialize": context.aws_request_id},
    }


def _checked(wanted: ExecutionInput) -> tuple[dict[str, DataFile], Archive | None]:
    """The data files by key, and the archive of packages, once all is checked that can be known
    before a rank runs.
    """
    files: dict[str, DataFile] = {}

    @cache
    def packages() -> Archive | None:
        return _packages(wanted)

    def modules() -> frozenset[str]:
        found = packages()
        return frozenset() if found is None else found.modules

    raise_all(
        [
            packages,
            *check_bundle.checks(wanted, modules),
            lambda: files.update(_data_files(wanted)),
            lambda: _check_concurrency(wanted.world_size),
            lambda: _check_meeting(wanted),
        ]
    )
    _check_space(wanted, files, packages())
    return files, packages()


def _rank_events(
    wanted: ExecutionInput,
    execution_id: str,
    number: int,
    files: dict[str, DataFile],
    packages: Archive | None,
) -> list[RankEvent]:
    execution = Execution(execution_id)
    attempt = execution.attempt(number)
    # Fresh for every attempt: what is left of an earlier one can neither join this world nor disturb it.
    fmi = FMISettings(comm_name=f"{execution_id}.{number}", secret=secrets.token_hex(32))
    result_path = wanted.result_path or execution.result_path
    stored = unfinished_ranks(wanted.bucket, result_path) if files else set()
    return [
        RankEvent(
            rank=rank,
            world_size=wanted.world_size,
            execution_id=execution_id,
            state_bucket=os.environ["STATE_BUCKET"],
            outcome_key=attempt.outcome(rank),
            failure_key=attempt.failure(rank),
            bucket=wanted.bucket,
            object_type=wanted.object_type,
            S3_object_name=wanted.object_name,
            script=wanted.script,
            data_path=wanted.data_path,
            data_bucket=wanted.data_bucket,
            data_prefix=wanted.data_prefix,
            data_files=share,
            data_version=digest((key, files[key].etag) for key in share) if share else None,
            data_download=wanted.data_download,
            stored_result=rank in stored,
            batch_size=wanted.batch_size,
            result_path=result_path,
            fmi=fmi,
            requirements=wanted.requirements,
            requirements_etag=None if packages is None else packages.etag,
            variables=wanted.variables,
            arguments=wanted.arguments,
            parameters=wanted.parameters,
            files_prefix=attempt.files(rank),
            payload_key=execution.payload if files and wanted.data_download is None else None,
        )
        for rank, share in enumerate(_shares(wanted, files))
    ]


def _shares(wanted: ExecutionInput, files: Iterable[str]) -> list[list[str]]:
    """The files that each rank is told; those that all of them get, each rank lists itself."""
    if wanted.data_download == "shared":
        return [[] for _ in range(wanted.world_size)]
    return split(list(files), wanted.world_size)


def _write_course_payload(wanted: ExecutionInput, ranks: list[RankEvent]) -> list[str]:
    payload = course_payload.content(
        wanted.typed,
        [rank.data_files for rank in ranks],
        bucket=wanted.bucket,
        data_bucket=wanted.data_bucket,
        data_prefix=wanted.data_prefix,
        result_path=ranks[0].result_path,
        execution_id=ranks[0].execution_id,
    )
    warnings = course_payload.write(payload, wanted.bucket, ranks[0].state_bucket)
    for warning in warnings:
        log.warning("%s", warning)
    return warnings


def _packages(wanted: ExecutionInput) -> Archive | None:
    """The archive of packages that the image lacks, once it is known to fit."""
    if wanted.requirements is None:
        return None
    return look_into(wanted.bucket, wanted.requirements, _space())


def _space() -> int | None:
    """Bytes of a rank's /tmp, as far as the deployment says so."""
    space = os.environ.get("EXECUTE_EPHEMERAL_STORAGE_MB")
    return int(space) * 2**20 if space else None


def _check_space(wanted: ExecutionInput, files: Mapping[str, DataFile], packages: Archive | None) -> None:
    """The data that is downloaded for a script fits beside its packages; the bundle is small next to them."""
    space = _space()
    if wanted.data_download is None or space is None:
        return
    shares = [list(files)] if wanted.data_download == "shared" else split(list(files), wanted.world_size)
    largest = max(sum(files[key].size for key in share) for share in shares)
    if largest + (packages.bytes if packages else 0) > space:
        raise InputError(
            f"A rank would get {largest / 2**20:,.0f} MB of data, and has {space / 2**20:,.0f} MB of /tmp "
            "for it and its packages: raise the Terraform variable executor_ephemeral_storage_mb, "
            f"{_SMALLER_SHARES[wanted.data_download]}, "
            "or have the script read the objects from S3."
        )


def _check_items(items: list[dict[str, Any]]) -> None:
    """What one rank is told fits into what may be passed to it; nearly all of it are names of data files."""
    largest = max(items, key=lambda item: len(item["data_files"]))
    if len(json.dumps(largest)) > MOST_ITEM_BYTES:
        raise InputError(
            f"A rank would get {len(largest['data_files'])} data files, whose names are more than Step "
            'Functions can pass on: raise "world_size", or put more objects into a file.'
        )


def _data_files(wanted: ExecutionInput) -> dict[str, DataFile]:
    """The partitions to use by key, in natural order, ``file_limit`` of them at most."""
    if wanted.data_prefix is None or wanted.data_bucket is None:
        return {}
    prefix = wanted.data_prefix.strip("/") + "/"
    in_bucket = wanted.result_path is not None and wanted.data_bucket == wanted.bucket
    if in_bucket and f"{wanted.result_path}/".startswith(prefix):
        raise InputError(
            f'"result_path" is {wanted.result_path!r}, inside "data_prefix": give another one, '
            "or the next execution would take these results for partitions."
        )
    listed = list_objects(wanted.data_bucket, prefix)
    found = {entry["Key"]: DataFile(entry["ETag"], entry["Size"]) for entry in listed}
    files = sorted((key for key in found if not key.endswith("/")), key=natural_key)
    if not files:
        raise InputError(
            f"There is no object below {prefix!r} in bucket {wanted.data_bucket!r}: "
            'upload the partitions, or correct "data_prefix".'
        )
    return {key: found[key] for key in files[: wanted.file_limit]}


def unfinished_ranks(bucket: str, result_path: str) -> set[int]:
    """The ranks whose predictions an execution left here that did not finish.

    What is older than the combined results belongs to one that did, and shall be computed anew: whoever runs
    it again wants to measure it, or has reason to. Times are whole seconds, so a tie counts as older.
    """
    results = Results(result_path)
    written = {entry["Key"]: entry["LastModified"] for entry in list_objects(bucket, results.prefix)}
    finished = written.get(results.combined)
    return {
        rank
        for rank, key in by_rank(written, results.predictions).items()
        if finished is None or written[key] > finished
    }


def _check_meeting(wanted: ExecutionInput) -> None:
    """A deployment may have no rendezvous server; then ranks cannot connect to each other."""
    if os.environ.get("NO_RENDEZVOUS") and wanted.world_size > 1 and wanted.rendezvous:
        raise InputError(
            f'"world_size" is {wanted.world_size}, and this deployment has no rendezvous server through '
            'which ranks connect: run a single rank, add "rendezvous": false if they talk through S3 only, '
            "or set the Terraform variable rendezvous_mode to on-demand."
        )


def _check_concurrency(world_size: int) -> None:
    """All ranks have to run at the same time, or those that run would wait for those that cannot start."""
    reserved = os.environ.get("EXECUTE_RESERVED_CONCURRENCY")
    if reserved:
        if world_size > int(reserved):
            raise InputError(
                f'"world_size" is {world_size}, but the function is limited to {reserved} at a time: '
                "lower it, or raise the Terraform variable reserved_concurrency."
            )
        return
    limits = lambda_().get_account_settings()["AccountLimit"]
    allowed = limits.get("UnreservedConcurrentExecutions", limits["ConcurrentExecutions"])
    if world_size > allowed:
        raise InputError(
            f'"world_size" is {world_size}, but the account allows {allowed} functions at a time: lower it, '
            "or ask AWS for more (Service Quotas, AWS Lambda, Concurrent executions)."
        )
