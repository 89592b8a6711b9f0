"""What one rank is told: an item of the manifest, written by Initialize and read by Execute."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from containers.executor.deal import course_form


@dataclass(frozen=True)
class FMISettings:
    """How the ranks of an execution find and trust each other.

    ``rendezvous_host`` and ``rendezvous_port`` are None where no rendezvous server was asked for: in the
    manifest, which is written before, and in executions that need none.
    """

    comm_name: str
    secret: str = field(repr=False)
    rendezvous_host: str | None = None
    rendezvous_port: int | None = None


@dataclass(frozen=True)
class RankEvent:
    """The work of one rank.

    ``data_files`` are S3 keys in ``data_bucket``, in natural order, and ``data_version`` a digest of them and
    their contents. ``stored_result`` is true where an attempt that did not finish left a result of this rank.
    ``requirements`` is the S3 key in ``bucket`` of an archive of packages, with the ETag that was checked.
    ``variables`` and ``arguments`` are what the user gives to the script. ``payload_key`` is, in the state's
    bucket, the execution's own :mod:`payload.json <containers.executor.inputs.course_payload>`; None without
    partitions.
    """

    rank: int
    world_size: int
    execution_id: str
    state_bucket: str
    outcome_key: str
    failure_key: str
    bucket: str
    object_type: str
    S3_object_name: str
    script: str
    data_path: str | None
    data_bucket: str | None
    data_prefix: str | None
    data_files: list[str]
    data_version: str | None
    stored_result: bool
    batch_size: int | None
    result_path: str
    fmi: FMISettings
    variables: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    payload_key: str | None = None
    requirements: str | None = None
    requirements_etag: str | None = None

    def to_json(self) -> dict[str, Any]:
        """An item of the manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, event: Mapping[str, Any]) -> RankEvent:
        """Read what the Map passes on: ``item``, which :meth:`to_json` made, and ``rendezvous``, the server's
        ``host`` and ``port`` or None.
        """
        place = {f"rendezvous_{key}": value for key, value in (event["rendezvous"] or {}).items()}
        item = event["item"]
        return cls(**{**item, "fmi": FMISettings(**{**item["fmi"], **place})})

    def environment(self) -> dict[str, str]:
        """The variables a script reads. Values that are unset are absent, not empty."""
        values = {
            "S3_BUCKET": self.bucket,
            "S3_OBJECT_NAME": self.S3_object_name,
            "S3_OBJECT_TYPE": self.object_type,
            "SCRIPT": self.script,
            "WORLD_SIZE": self.world_size,
            "RANK": self.rank,
            "DATA_BUCKET": self.data_bucket,
            "DATA_PREFIX": self.data_prefix,
            "DATA_PATH": self.data_path or _course_data_path(self.data_files),
            "DATA_FILES": json.dumps(self.data_files),
            "RESULT_PATH": self.result_path,
            "BATCH_SIZE": self.batch_size,
            "PAYLOAD_BUCKET": self.state_bucket if self.payload_key else None,
            "PAYLOAD_KEY": self.payload_key,
            "STORED_RESULT": 1 if self.stored_result else None,
            "EXECUTION_ID": self.execution_id,
            "FMI_COMM_NAME": self.fmi.comm_name,
            "FMI_SECRET": self.fmi.secret,
            "RENDEZVOUS_HOST": self.fmi.rendezvous_host,
            "RENDEZVOUS_PORT": self.fmi.rendezvous_port,
        }
        return {name: str(value) for name, value in values.items() if value is not None}


def _course_data_path(files: Sequence[str]) -> str | None:
    """The course's DATA_PATH of a rank with partitions: a key, a JSON list of several, or none."""
    value = course_form(files)
    return json.dumps(value) if isinstance(value, list) else value
