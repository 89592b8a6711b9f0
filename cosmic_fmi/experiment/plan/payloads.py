"""The input that each execution gets (DESIGN 3.1): of the sample, of a script, or of the user's own file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from cosmic_fmi.experiment.errors import PayloadError
from cosmic_fmi.experiment.plan.plan import RunSpec

BUNDLE_PREFIX = "Anomaly Detection"
SCRIPT = f"/tmp/{BUNDLE_PREFIX}/Inference/inference.py"  # noqa: S108 - the path inside a Lambda function
_SIZE = re.compile(r"(\d+(?:\.\d+)?)MB")


def sample_payload(spec: RunSpec, bucket: str, data_prefix: str, result_path: str) -> dict[str, Any]:
    """The data-parallel input (DESIGN 3.1) over all partitions below ``data_prefix`` in the deployment's
    bucket.
    """
    return {
        "bucket": bucket,
        "world_size": spec.world_size,
        "batch_size": spec.batch_size,
        "object_type": "folder",
        "S3_object_name": BUNDLE_PREFIX,
        "script": SCRIPT,
        "result_path": result_path,
        "data_bucket": bucket,
        "data_prefix": data_prefix,
        **({} if spec.files is None else {"file_limit": spec.files}),
    }


def script_payload(spec: RunSpec, bucket: str, prefix: str, main: str) -> dict[str, Any]:
    """The input for a world of the program in the deployment's bucket below ``prefix``, whose script is
    ``main``.

    It has no ``result_path``: a script may be content with what it prints.
    """
    payload = {
        "bucket": bucket,
        "world_size": spec.world_size,
        "object_type": "folder",
        "S3_object_name": prefix,
        "script": f"/tmp/{prefix}/{main}",  # noqa: S108 - the path inside a Lambda function
    }
    return with_overrides(payload, spec)


def read_payload(path: Path) -> dict[str, Any]:
    """A payload file's object; raises :class:`PayloadError` when it is not JSON or not an object."""
    try:
        payload = json.loads(path.read_text())
    except OSError as error:
        raise PayloadError(f"cannot read the payload {path}: {error.strerror}") from error
    except ValueError as error:
        raise PayloadError(f"the payload {path} is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise PayloadError(
            f"the payload {path} must be a JSON object with bucket, script, S3_object_name, ..."
        )
    return payload


def with_overrides(payload: dict[str, Any], spec: RunSpec) -> dict[str, Any]:
    """``payload`` as it is, but for what the run's settings say: ``world_size``, ``batch_size``,
    ``file_limit``, and a ``data_prefix`` that ends in a size, such as ``Data/25MB``.

    Raises :class:`PayloadError` when partition sizes are swept and the prefix has none to change.
    """
    changed = dict(payload)
    if spec.world_size is not None:
        changed["world_size"] = spec.world_size
    if spec.batch_size is not None:
        changed["batch_size"] = spec.batch_size
    if spec.files is not None:
        changed["file_limit"] = spec.files
    if spec.partition_mb is not None:
        folder, _, size = str(payload.get("data_prefix") or "").rstrip("/").rpartition("/")
        if not _SIZE.fullmatch(size):
            raise PayloadError(
                f"the payload's data_prefix is {payload.get('data_prefix')!r}, which does not end in a size: "
                'to sweep partition sizes it has to be a folder such as "Data/25MB" beside those of the '
                "other sizes (`cosmic-fmi data prepare` makes them)"
            )
        changed["data_prefix"] = f"{folder}/{spec.partition_mb:g}MB".lstrip("/")
    return changed


def mode_of(payload: dict[str, Any]) -> str:
    """``data-parallel`` when ranks share out partitions that they read themselves, else ``script`` (a world
    of one program).
    """
    return "data-parallel" if payload.get("data_prefix") and not payload.get("data_download") else "script"
