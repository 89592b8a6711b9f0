"""Execute: one rank of a world. Download the bundle, run the script, leave an outcome."""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from containers.executor import abort_notice, outcomes
from containers.executor.clients import s3
from containers.executor.rank_event import RankEvent
from containers.executor.script import bundle, data, packages, parameters
from containers.executor.script import run as script
from containers.executor.script.bundle import local_path
from containers.executor.script.hints import with_hint
from containers.executor.script.own_files import OwnFiles
from cosmic_fmi.common.contract.keys import Results
from cosmic_fmi.common.contract.outcome import CONSEQUENCES, Outcome
from cosmic_fmi.common.contract.rank_line import rank_line
from cosmic_fmi.common.contract.variables import Value, Variable, encode
from cosmic_fmi.common.digests import digest

if TYPE_CHECKING:
    from awslambdaric.lambda_context import LambdaContext

log = logging.getLogger(__name__)

_warm = False


class ScriptError(RuntimeError):
    """A rank failed. The message names the rank and the error: ``rank 2: ValueError: no such band``."""


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run one rank and write its outcome to S3, also when it failed; then raise :class:`ScriptError`.

    With a ``failure`` in the event the rank was lost, and all that is left to do is to tell the others.
    """
    rank = RankEvent.from_json(event)
    if "failure" in event:
        return abort_notice.leave(rank, event["failure"])
    outcome = Outcome(
        rank=rank.rank,
        status="failed",
        request_id=context.aws_request_id,
        log_stream=context.log_stream_name,
        cold_start=_is_cold_start(),
        started_at=time.time(),
    )
    if not outcome.cold_start:
        # The last script's functions and globals refer to each other, so its data is still there.
        gc.collect()
    print(rank_line(rank.execution_id, rank.rank), flush=True)
    files = OwnFiles(rank.state_bucket, rank.files_prefix)
    with (
        script.variables(_environment(rank, files)),
        files.before_time_is_up(context.get_remaining_time_in_millis() / 1000),
    ):
        try:
            _run(rank, outcome)
        except Exception as error:  # the boundary of the rank: whatever went wrong is its outcome
            log.exception("rank %d could not run its script", rank.rank)
            outcome.error_type, outcome.error_message = type(error).__name__, script.shorten(str(error))
        finally:
            _finish_fmi(rank, outcome)
    _keep_files(rank, files, outcome)
    outcome.ended_at = time.time()
    outcomes.write(rank.state_bucket, rank.outcome_key, outcome)
    if outcome.status == "failed":
        if outcome.traceback:
            log.error("rank %d failed\n%s", rank.rank, outcome.traceback)
        raise ScriptError(f"rank {rank.rank}: {outcome.error}")
    return {"rank": rank.rank, "status": outcome.status}


def _is_cold_start() -> bool:
    global _warm  # the environment's memory: true from its second invocation on
    was_warm, _warm = _warm, True
    return not was_warm


def _run(rank: RankEvent, outcome: Outcome) -> None:
    brought = packages.bring(rank.bucket, rank.requirements, rank.requirements_etag)
    download = bundle.download(rank.bucket, rank.object_type, rank.S3_object_name)
    found_data = data.bring(rank)
    outcome.download_seconds = download.seconds + found_data.seconds + (brought.seconds if brought else 0.0)
    outcome.download_bytes = download.bytes + found_data.bytes + (brought.bytes if brought else 0)
    outcome.objects_downloaded = download.objects_downloaded
    outcome.objects_cached = download.objects_cached
    variables = encode(
        {
            Variable.DOWNLOAD_SECONDS: outcome.download_seconds,
            Variable.FMI_CONFIG: _write_fmi_config(rank),
            Variable.WORK_ID: _work_id(rank, download.version),
        }
    )
    variables |= found_data.variables | rank.variables | parameters.read(rank.parameters)
    with packages.importable(brought, variables) as found, script.variables(found):
        result = script.run(local_path(rank.script), download.root, rank.arguments)
    outcome.status = "succeeded" if result.exit_code == 0 else "failed"
    outcome.exit_code = result.exit_code
    outcome.output_tail = result.output_tail
    outcome.error_type, outcome.error_message = result.error_type, result.error_message
    if result.error_message is not None:
        outcome.error_message = with_hint(result.error_message)
    outcome.traceback = result.traceback


def _work_id(rank: RankEvent, bundle_version: str) -> str | None:
    """What tells a rank whether stored work is its own; without partitions there is nothing to tell by."""
    if rank.data_version is None:
        return None
    made_from = [os.environ.get("IMAGE"), bundle_version, rank.script, rank.data_version, rank.batch_size]
    variables = [sorted(rank.variables.items()), sorted(rank.parameters.items())]
    given = [*variables, rank.arguments, rank.requirements_etag]
    return digest([*made_from, *given])


def _keep_files(rank: RankEvent, files: OwnFiles, outcome: Outcome) -> None:
    """Upload what the script left, also when it failed; it did not succeed if something could not be sent."""
    kept = files.upload()
    outcome.output_files, outcome.output_bytes = kept.files, kept.size
    outcome.output_left_out = kept.left_out
    for name in (*kept.left_out, *kept.lost):
        log.warning("rank %d: not among its files: %s", rank.rank, name)
    if kept.lost and outcome.status == "succeeded":
        outcome.status, outcome.error_type = "failed", "OutputLost"
        outcome.error_message = f"{len(kept.lost)} files in OUTPUT_PATH could not be uploaded: {kept.lost[0]}"
    if kept.result is not None:
        key = Results(rank.result_path).result(rank.rank)
        s3().put_object(Bucket=rank.bucket, Key=key, Body=kept.result, ContentType="application/json")
    files.remove()


def _environment(rank: RankEvent, files: OwnFiles) -> dict[str, str]:
    here: dict[Variable, Value] = {
        Variable.SCRIPT: local_path(rank.script),
        Variable.OUTPUT_PATH: files.folder,
    }
    if rank.data_path is not None:
        here[Variable.DATA_PATH] = local_path(rank.data_path)
    return rank.environment() | encode(here)


def _write_fmi_config(rank: RankEvent) -> Path:
    """Write the fmi.json of this world, for scripts that make a Communicator themselves."""
    direct = {
        "enabled": "true",
        "host": rank.fmi.rendezvous_host or "127.0.0.1",
        "port": rank.fmi.rendezvous_port or 10000,
    }
    path = Path(tempfile.gettempdir()) / "fmi.json"
    path.write_text(json.dumps({"backends": {"Direct": direct}}))
    return path


def _finish_fmi(rank: RankEvent, outcome: Outcome) -> None:
    """Close what the script left open; after an error, make sure that no other rank waits for this one."""
    failed = outcome.status == "failed" and rank.fmi.rendezvous_host is not None
    if not failed and "fmi" not in sys.modules:
        return
    try:
        import fmi  # noqa: PLC0415  most scripts have it loaded; the others should not pay for it

        fmi.finalize(outcome.error if failed else None)
        # A communicator has told the others itself, but there may have been none yet. An error of FMI's own
        # shows that there was one, and a large world need not hear it from every rank.
        if failed and outcome.error_type not in CONSEQUENCES:
            fmi.abort_world(outcome.error)
    except Exception:  # whatever goes wrong at the end must not hide how the script itself ended
        log.exception("rank %d could not close its communicators", rank.rank)
