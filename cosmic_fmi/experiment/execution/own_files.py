"""The files that a script's ranks left, brought into the folder of the results."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from cosmic_fmi.common.contract.keys import Execution
from cosmic_fmi.common.s3 import list_objects
from cosmic_fmi.experiment.ui.console import Reporter, Step
from cosmic_fmi.experiment.ui.tables import size

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_THREADS = 8
_SHOWN = 8
_SPARE_BYTES = 100_000_000
"""Left free on the disk."""


@dataclass
class Brought:
    """Files and bytes that are here now, and what is not, each with the reason."""

    files: int = 0
    bytes: int = 0
    left_out: list[str] = field(default_factory=list)


def bring_files(s3: S3Client, bucket: str, execution_id: str, folder: Path, reporter: Reporter) -> Brought:
    """Download what the last attempt's ranks left, to ``folder/<rank>/…``, in place of what was there.

    Never raises for a file: what cannot be had stays in S3 and is named.
    """
    brought = Brought()
    sizes = _sizes(s3, bucket, execution_id)
    places = _places(sizes, folder, brought)
    if not places and not brought.left_out:
        return brought
    total = sum(sizes[key].size for key in places)
    if total + _SPARE_BYTES > shutil.disk_usage(_existing(folder)).free:
        reporter.message(
            f"The ranks left {size(total)} of files, more than this disk has room for: they stay in "
            f"s3://{bucket}/{Execution(execution_id).folder}/ for now.",
            "yellow",
            important=True,
        )
        return brought
    shutil.rmtree(folder, ignore_errors=True)
    with reporter.step("Bringing the ranks' files", total=total) as step:
        _download(s3, bucket, places, brought, step)
    _tell(brought, folder, reporter)
    return brought


@dataclass(frozen=True)
class _Kept:
    name: str
    size: int


def _sizes(s3: S3Client, bucket: str, execution_id: str) -> dict[str, _Kept]:
    """The files of the last attempt that left any, by key; names begin with the rank."""
    execution = Execution(execution_id)
    listed = {item["Key"]: item.get("Size", 0) for item in list_objects(s3, bucket, f"{execution.folder}/")}
    for attempt in reversed(execution.attempts(listed)):
        prefix = f"{attempt.folder}/files/"
        found = {
            key: _Kept(key.removeprefix(prefix), size)
            for key, size in listed.items()
            if key.startswith(prefix)
        }
        if found:
            return found
    return {}


def _places(sizes: Mapping[str, _Kept], folder: Path, brought: Brought) -> dict[str, Path]:
    """Where each object goes. Scripts choose the names, so none may lead out of the folder."""
    places = {}
    for key, kept in sizes.items():
        rank, _, name = kept.name.partition("/")
        parts = name.split("/")
        if not rank.isdecimal() or "\0" in name or "\\" in name or {"", ".", ".."} & set(parts):
            brought.left_out.append(f"{kept.name!r}: its name is none that a file can have here")
        else:
            places[key] = folder / rank / name
    return places


def _download(s3: S3Client, bucket: str, places: Mapping[str, Path], brought: Brought, step: Step) -> None:
    def get(item: tuple[str, Path]) -> str | None:
        key, path = item
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                return f"{path}: another file has this name where upper and lower case are the same"
            s3.download_file(bucket, key, str(path))
        except (OSError, BotoCoreError, ClientError) as error:
            return f"{path}: {error}"
        return None

    with ThreadPoolExecutor(_THREADS) as pool:
        for (_, path), problem in zip(places.items(), pool.map(get, places.items()), strict=True):
            if problem is not None:
                brought.left_out.append(problem)
                continue
            brought.files += 1
            brought.bytes += path.stat().st_size
            step.update(brought.bytes, note=f"{brought.files} of {len(places)} files")


def _tell(brought: Brought, folder: Path, reporter: Reporter) -> None:
    reporter.event("files", path=str(folder), files=brought.files, bytes=brought.bytes)
    if brought.files:
        many = "s" if brought.files > 1 else ""
        reporter.message(f"Files: {brought.files:,} file{many}, {size(brought.bytes)}, in {folder}")
    for problem in brought.left_out[:_SHOWN]:
        reporter.message(f"  Not brought: {problem}", "yellow", important=True)
    if (more := len(brought.left_out) - _SHOWN) > 0:
        reporter.message(f"  ... and {more} more", "yellow", important=True)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())
