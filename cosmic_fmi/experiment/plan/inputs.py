"""What a sweep's runs read: the sample, a program, or a payload; uploaded once, before the runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmic_fmi.common.contract.keys import UPLOADS
from cosmic_fmi.common.s3 import list_objects
from cosmic_fmi.experiment.errors import SweepError
from cosmic_fmi.experiment.model.scaling import GALAXY_BYTES
from cosmic_fmi.experiment.packages.packages import upload_packages
from cosmic_fmi.experiment.packages.platform import FunctionPlatform
from cosmic_fmi.experiment.packages.requirements_file import read_requirements
from cosmic_fmi.experiment.plan.payloads import read_payload, sample_payload, script_payload, with_overrides
from cosmic_fmi.experiment.plan.plan import RunSpec, Setting, number, source_name
from cosmic_fmi.experiment.plan.upload import partitions_for, upload_bundle, upload_sample
from cosmic_fmi.experiment.program.data import check_space, data_files, place_in_s3, upload_data
from cosmic_fmi.experiment.program.files import ProgramFiles, program_files
from cosmic_fmi.experiment.program.options import ProgramOptions
from cosmic_fmi.experiment.program.tree import Tree
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.experiment.ui.tables import size
from inference.survey.synthetic import SAMPLE_SIZE

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

Build = Callable[[RunSpec, str], dict[str, Any]]
"""Makes an execution's input from its settings and its name."""
_MEGABYTE = 1e6
_LEFT_OUT_SHOWN = 8


@dataclass(frozen=True)
class Data:
    """What a run reads, as far as it is known before it is made.

    Attributes:
        galaxies, files, bytes: of its partitions; files is None where there are none to read.
        world_size, batch_size: what a payload says itself.
    """

    galaxies: int
    files: int | None
    bytes: int
    world_size: int | None = None
    batch_size: int | None = None


@dataclass(frozen=True)
class Input:
    """Where the runs' input comes from: at most one of a payload and a script; neither means the sample."""

    payload: Path | None = None
    script: Path | None = None
    """A script, or a folder with one."""
    requirements: Path | None = None
    """What a payload's or script's functions are to have beside the image's packages, for pip."""
    program: ProgramOptions = field(default_factory=ProgramOptions)
    """What the script is given."""

    @property
    def source(self) -> str:
        """Its name in run ids."""
        if self.script is not None:
            return source_name(self.script.stem or self.script.resolve().name) or "program"
        return "sample" if self.payload is None else source_name(self.payload.stem)

    def check(self, settings: Sequence[Setting]) -> None:
        """Raises :class:`SweepError` or PayloadError for settings that this input cannot have."""
        if self.script is not None:
            self._check_program(self.script, settings)
        if self.requirements is not None:
            read_requirements(self.requirements)
        if self.payload is not None:
            content = read_payload(self.payload)
            if self.requirements is not None and content.get("requirements"):
                raise SweepError(
                    f"{self.payload} has requirements already: take them out, or leave out --requirements"
                )
            for item in settings:
                with_overrides(content, RunSpec(partition_mb=item.partition_mb))
        elif self.script is None:
            counts = _counts(settings)
            for item in settings:
                if item.files and item.files > counts[item]:
                    raise SweepError(
                        f"the sample has only {counts[item]} partitions of {item.partition_mb:g} MB, not "
                        f"{item.files}: choose smaller ones, or prepare data of your own (docs/data.md)"
                    )

    def _check_program(self, script: Path, settings: Sequence[Setting]) -> None:
        no_data = self.program.data is None and any(item.files for item in settings)
        if no_data or any(item.partition_mb for item in settings):
            raise SweepError(
                "a script reads no partitions: leave out files and partition_mb, or use a payload"
            )
        program_files(script, self.program.main)
        if self.program.data is not None and place_in_s3(self.program.data) is None:
            data_files(self.program.data)

    def data(self, settings: Sequence[Setting], s3: S3Client | None) -> dict[Setting, Data | None]:
        """What each setting reads; None where that cannot be told without a bucket to look into."""
        if self.script is not None:
            return dict.fromkeys(settings, Data(0, None, 0))
        if self.payload is not None:
            content = read_payload(self.payload)
            return {item: _payload_data(content, item, s3) for item in settings}
        counts = _counts(settings)
        return {item: _sample_data(item, counts[item]) for item in settings}

    def upload(
        self,
        s3: S3Client,
        bucket: str,
        settings: Sequence[Setting],
        reporter: Reporter,
        platform: FunctionPlatform,
        *,
        space_mb: int = 512,
    ) -> Build:
        """Upload what is not there yet, for functions on ``platform`` with ``space_mb`` of /tmp; how to make
        a run's input.
        """
        if self.payload is not None:
            content = read_payload(self.payload)
            own = str(content.get("bucket") or bucket)
            content |= self._packages(s3, own, reporter, platform)
            return lambda spec, _: with_overrides(content, spec)
        if self.script is not None:
            self.check_python(platform)
            files = program_files(self.script, self.program.main)
            self._check_space(files, settings, space_mb)
            given = self.program.payload | self._packages(s3, bucket, reporter, platform)
            given |= self._data_place(s3, bucket, reporter)
            prefix = _upload_program(s3, bucket, files, reporter)
            return lambda spec, _: script_payload(spec, bucket, prefix, files.main) | given
        upload_bundle(s3, bucket, reporter)
        counts = _counts(settings)
        prefixes = {
            count: upload_sample(s3, bucket, count, reporter) for count in sorted(set(counts.values()))
        }
        return lambda spec, name: sample_payload(
            spec, bucket, prefixes[counts[spec.setting]], f"results/{name}"
        )

    def check_python(self, platform: FunctionPlatform) -> None:
        """Raises :class:`SweepError` where a pickled function could not be read."""
        wanted = self.program.python
        if wanted is not None and wanted != platform.python:
            raise SweepError(
                f"the function was pickled by Python {wanted}, and the functions of this target have "
                f"Python {platform.python}, which cannot read it: use Python {platform.python} "
                "here, or write the function into a script and run that"
            )

    def _check_space(self, files: ProgramFiles, settings: Sequence[Setting], space_mb: int) -> None:
        if files.bytes > space_mb * 2**20:
            raise SweepError(
                f"{files.name} has {files.bytes / 2**20:,.0f} MB, and a rank's /tmp holds {space_mb:,} MB: "
                "give what is data with --data, or raise the Terraform variable executor_ephemeral_storage_mb"
            )
        data = self.program.data
        if data is not None and place_in_s3(data) is None:  # what lies in S3, Initialize checks
            for limit in {item.files for item in settings}:
                worlds = [item.world_size or 1 for item in settings if item.files == limit]
                check_space(data, worlds, space_mb, shared=self.program.shared, limit=limit)

    def _data_place(self, s3: S3Client, bucket: str, reporter: Reporter) -> dict[str, str]:
        """What an execution's input says of where the data lies."""
        if self.program.data is None:
            return {}
        place = place_in_s3(self.program.data) or upload_data(s3, bucket, self.program.data, reporter)
        return place.payload

    def _packages(
        self, s3: S3Client, bucket: str, reporter: Reporter, platform: FunctionPlatform
    ) -> dict[str, str]:
        """What an execution's input says of packages that the functions lack."""
        if self.requirements is None:
            return {}
        key = upload_packages(s3, bucket, self.requirements, platform, reporter)
        return {} if key is None else {"requirements": key}


def _upload_program(s3: S3Client, bucket: str, files: ProgramFiles, reporter: Reporter) -> str:
    """The prefix of the program's files, once they are there."""
    if files.left_out:
        shown = ", ".join(files.left_out[:_LEFT_OUT_SHOWN])
        more = len(files.left_out) - _LEFT_OUT_SHOWN
        reporter.message(f"Left out of {files.name}: {shown}{f' and {more} more' if more > 0 else ''}")
    tree = Tree(files.files)
    prefix = tree.prefix(UPLOADS, files.name, reporter)
    count = f"{len(files.files):,} file{'s' if len(files.files) > 1 else ''}"
    tree.upload(s3, bucket, prefix, f"Uploading {files.name} ({count}, {size(files.bytes)})", reporter)
    return prefix


def _counts(settings: Sequence[Setting]) -> dict[Setting, int]:
    """Into how many partitions the sample is cut for each setting."""
    usual = partitions_for(max((max(item.world_size or 1, item.files or 1) for item in settings), default=1))
    return {
        item: usual if item.partition_mb is None else _partitions_of(item.partition_mb) for item in settings
    }


def _partitions_of(megabytes: float) -> int:
    """Partitions of about this size that the sample makes."""
    return max(1, min(SAMPLE_SIZE, math.ceil(SAMPLE_SIZE * GALAXY_BYTES / (megabytes * _MEGABYTE))))


def _sample_data(setting: Setting, count: int) -> Data:
    files = min(setting.files or count, count)
    galaxies = SAMPLE_SIZE * files // count
    return Data(galaxies, files, galaxies * GALAXY_BYTES)


def _payload_data(content: dict[str, Any], setting: Setting, s3: S3Client | None) -> Data | None:
    """The objects below the payload's data prefix, ``file_limit`` of them."""
    payload = with_overrides(content, RunSpec(files=setting.files, partition_mb=setting.partition_mb))
    prefix = str(payload.get("data_prefix") or "").strip("/")
    said = number(payload.get("world_size")), number(payload.get("batch_size"))
    limit = number(payload.get("file_limit"))
    if not prefix:
        return Data(0, None, 0, *said)
    if s3 is None:
        return Data(0, 0, 0, said[0] or limit, said[1])
    bucket = str(payload.get("data_bucket") or payload.get("bucket"))
    sizes = [item["Size"] for item in list_objects(s3, bucket, f"{prefix}/") if item.get("Size")]
    taken = sizes[:limit] if limit and limit > 0 else sizes
    return Data(sum(taken) // GALAXY_BYTES, len(taken), sum(taken), *said)
