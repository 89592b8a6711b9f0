"""What is to be run: one :class:`RunSpec` an execution, and the input each execution gets."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiment.errors import PayloadError

BUNDLE_PREFIX = "Anomaly Detection"
SCRIPT = f"/tmp/{BUNDLE_PREFIX}/Inference/inference.py"  # noqa: S108 - the path inside a Lambda function
DEFAULT_WORLD_SIZES = (1, 2, 4)
DEFAULT_BATCH_SIZE = 512


@dataclass(frozen=True)
class RunSpec:
    """One execution to make. None for a number means: what the payload or the deployment says."""

    world_size: int | None
    batch_size: int | None
    memory_mb: int | None
    repetition: int
    source: str = "sample"
    """Where the input comes from: the built-in sample, or the stem of a payload's or a script's file."""
    partition_mb: float | None = None
    """Size of the partitions (10^6 bytes)."""
    files: int | None = None
    """Partitions to use."""
    warm_up: bool = False
    """Made only so that the runs after it find environments that have started."""

    @property
    def run_id(self) -> str:
        """The same for the same settings, so that --resume recognises a run; unique within an experiment."""
        parts = [] if self.source == "sample" else [self.source]
        settings = {
            "w": self.world_size,
            "b": self.batch_size,
            "m": self.memory_mb,
            "p": self.partition_mb,
            "f": self.files,
        }
        parts += [f"{letter}{value:g}" for letter, value in settings.items() if value is not None]
        if self.warm_up:
            parts.append("warm")
        return "-".join([*parts, str(self.repetition)]).replace(".", "_")


def plan(
    world_sizes: Sequence[int],
    batch_sizes: Sequence[int],
    memory_sizes: Sequence[int],
    runs: int,
    *,
    payload: Path | None = None,
    script: Path | None = None,
) -> list[RunSpec]:
    """Every combination, repetitions outermost so that a drift of the target touches all settings alike."""
    file = payload or script
    if payload is None:
        world_sizes = world_sizes or DEFAULT_WORLD_SIZES
    if file is None:
        batch_sizes = batch_sizes or (DEFAULT_BATCH_SIZE,)
    grid = itertools.product(
        range(1, runs + 1), memory_sizes or (None,), batch_sizes or (None,), world_sizes or (None,)
    )
    source = "sample" if file is None else _safe(file.stem)
    specs = [RunSpec(world, batch, memory, repetition, source) for repetition, memory, batch, world in grid]
    return list(dict.fromkeys(specs))  # a value given twice is still one setting


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
    }


def script_payload(spec: RunSpec, bucket: str, key: str) -> dict[str, Any]:
    """The input for a world of the one script in the deployment's bucket under ``key``.

    It has no ``result_path``: a script may be content with what it prints.
    """
    payload = {
        "bucket": bucket,
        "world_size": spec.world_size,
        "object_type": "script",
        "S3_object_name": key,
        "script": f"/tmp/{key}",  # noqa: S108 - the path inside a Lambda function
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
    """``payload`` as it is, but for the world and batch size where the command line gave one."""
    changed = dict(payload)
    if spec.world_size is not None:
        changed["world_size"] = spec.world_size
    if spec.batch_size is not None:
        changed["batch_size"] = spec.batch_size
    return changed


def mode_of(payload: dict[str, Any]) -> str:
    """``data-parallel`` when ranks share out partitions, else ``script`` (a world of one script)."""
    return "data-parallel" if payload.get("data_prefix") else "script"


def number(value: object) -> int | None:
    """A count from a payload, where numbers may be strings; None when it is not one."""
    try:
        return int(str(value))
    except ValueError:
        return None


def _safe(stem: str) -> str:
    """``stem`` as part of an execution name, which allows letters, digits, dash and underscore."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in stem)[:24]
