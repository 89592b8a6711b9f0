"""The data of a user's program: a folder of this machine, or a prefix in S3."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from cosmic_fmi.common.contract.keys import UPLOADS
from cosmic_fmi.common.natural_order import natural_key
from cosmic_fmi.experiment.errors import SweepError
from cosmic_fmi.experiment.program.junk import walk
from cosmic_fmi.experiment.program.tree import Tree
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.experiment.ui.tables import size

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)")
_MEGABYTE = 2**20


@dataclass(frozen=True)
class Place:
    """Where data lies in S3; ``prefix`` has no slash at its end."""

    bucket: str
    prefix: str

    @property
    def payload(self) -> dict[str, str]:
        """What the execution's input says of it."""
        return {"data_bucket": self.bucket, "data_prefix": self.prefix}


def place_in_s3(given: str) -> Place | None:
    """The place that ``s3://bucket/prefix`` names; None for anything that is no such address.

    Raises :class:`SweepError` for one that is incomplete.
    """
    if not given.startswith("s3://"):
        return None
    found = _S3.fullmatch(given)
    prefix = found[2].strip("/") if found else ""
    if found is None or not prefix:
        raise SweepError(f"--data {given}: give a bucket and a folder in it, as in s3://my-bucket/images")
    return Place(found[1], prefix)


def data_files(given: str) -> dict[str, Path]:
    """The files of a folder by their names below it, or one file by its own.

    Raises :class:`SweepError` where there is none.
    """
    path = Path(given)
    if path.is_file():
        return {path.name: path}
    if not path.is_dir():
        raise SweepError(f"--data {given}: there is no such folder; one in S3 begins with s3://")
    root = path.resolve()
    files = {file.relative_to(root).as_posix(): file for file in walk(root).files}
    if not files:
        raise SweepError(f"--data {given}: the folder has no files")
    for name in files:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise SweepError(f"--data {given}: {name!r} has a name that is not UTF-8: rename it") from None
    return files


def upload_data(s3: S3Client, bucket: str, given: str, reporter: Reporter) -> Place:
    """Upload a folder of data, unless the same content is there already; where it lies."""
    files = data_files(given)
    tree = Tree(files)
    name = Path(given).resolve().name
    prefix = tree.prefix(UPLOADS, name, reporter)
    total = size(sum(path.stat().st_size for path in files.values()))
    count = f"{len(files):,} file{'s' if len(files) > 1 else ''}"
    if not tree.upload(s3, bucket, prefix, f"Uploading {name} ({count}, {total})", reporter):
        reporter.message(f"{name} is in the bucket already ({count}, {total}).")
    return Place(bucket, prefix)


def check_space(given: str, worlds: Iterable[int], space_mb: int, *, shared: bool, limit: int | None) -> None:
    """Raises :class:`SweepError` where a rank's share does not fit into its /tmp of ``space_mb``."""
    files = data_files(given)
    sizes = [files[name].stat().st_size for name in sorted(files, key=natural_key)][:limit]
    for world in worlds:
        largest = sum(sizes) if shared else _largest_share(sizes, world)
        if largest > space_mb * _MEGABYTE:
            advice = "leave out --data-shared" if shared else "use more ranks (-n)"
            raise SweepError(
                f"--data {given}: a rank in a world of {world} would get {largest / _MEGABYTE:,.0f} MB, and "
                f"there is room for {space_mb:,} MB: {advice}, or raise the Terraform variable "
                "executor_ephemeral_storage_mb"
            )


def _largest_share(sizes: Sequence[int], world: int) -> int:
    """Bytes of the largest of the runs into which Initialize deals the files out."""
    share, larger = divmod(len(sizes), world)
    starts = [rank * share + min(rank, larger) for rank in range(world + 1)]
    return max(sum(sizes[start:end]) for start, end in pairwise(starts))
