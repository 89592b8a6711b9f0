"""What one rank is told: an item of the manifest, written by Initialize and read by Execute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from containers.executor.deal import course_form
from cosmic_fmi.common.contract.variables import Variable, encode


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
    ``data_download`` is ``dealt`` or ``shared`` where the data files are downloaded for the script; shared
    ones are not listed in ``data_files``. ``variables`` and ``arguments`` are what the user gives to the
    script, and ``parameters`` are SSM parameters by the variable that each becomes. ``files_prefix`` is where
    in the state's bucket the files go that the script leaves. ``payload_key`` is, in the state's bucket, the
    execution's own :mod:`payload.json <containers.executor.inputs.course_payload>`; None without partitions.
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
    parameters: dict[str, str] = field(default_factory=dict)
    data_download: str | None = None
    files_prefix: str | None = None
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
        return encode(
            {
                Variable.S3_BUCKET: self.bucket,
                Variable.S3_OBJECT_NAME: self.S3_object_name,
                Variable.S3_OBJECT_TYPE: self.object_type,
                Variable.SCRIPT: self.script,
                Variable.WORLD_SIZE: self.world_size,
                Variable.RANK: self.rank,
                Variable.DATA_BUCKET: self.data_bucket,
                Variable.DATA_PREFIX: self.data_prefix,
                Variable.DATA_PATH: self.data_path or course_form(self.data_files),
                Variable.DATA_FILES: None if self.data_download else self.data_files,
                Variable.RESULT_PATH: self.result_path,
                Variable.BATCH_SIZE: self.batch_size,
                Variable.PAYLOAD_BUCKET: self.state_bucket if self.payload_key else None,
                Variable.PAYLOAD_KEY: self.payload_key,
                Variable.STORED_RESULT: self.stored_result,
                Variable.EXECUTION_ID: self.execution_id,
                Variable.FMI_COMM_NAME: self.fmi.comm_name,
                Variable.FMI_SECRET: self.fmi.secret,
                Variable.RENDEZVOUS_HOST: self.fmi.rendezvous_host,
                Variable.RENDEZVOUS_PORT: self.fmi.rendezvous_port,
            }
        )
