"""A rank's data files, downloaded into one folder with their layout below the data's prefix."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from containers.executor.clients import s3
from containers.executor.inputs.payload import TMP
from containers.executor.rank_event import RankEvent
from containers.executor.script import bundle
from containers.executor.script.bundle import S3Object, local_path
from cosmic_fmi.common.contract.variables import Value, Variable, encode
from cosmic_fmi.common.natural_order import natural_key
from cosmic_fmi.common.s3 import list_objects

FOLDER = f"{TMP}cosmic-data"
MOST_VARIABLE_BYTES = 100_000
"""Linux starts no program beside a variable above 128 KiB."""


@dataclass(frozen=True)
class Data:
    """What was brought: what the script is told of it, ``seconds`` of wall time and ``bytes`` from S3."""

    variables: dict[str, str]
    seconds: float = 0.0
    bytes: int = 0


def bring(rank: RankEvent) -> Data:
    """Download the rank's share of the files, or all of them where they are shared.

    An input without ``data_download`` leaves that to its script. A rank without a file gets an empty folder.
    Raises :class:`~containers.executor.script.bundle.BundleError`.
    """
    if rank.data_download is None or rank.data_bucket is None or rank.data_prefix is None:
        return Data({})
    started = time.perf_counter()
    prefix, root = f"{rank.data_prefix.strip('/')}/", local_path(FOLDER)
    wanted = None if rank.data_download == "shared" else set(rank.data_files)
    objects = _objects(rank.data_bucket, prefix, wanted)
    paths = {root / _relative(one.key, prefix): one for one in objects}
    _clear(root, paths)
    fetched = bundle.fetch(rank.data_bucket, root, paths)
    told: dict[Variable, Value] = {Variable.DATA_PATH: root, **_names([one.key for one in objects])}
    return Data(encode(told), time.perf_counter() - started, sum(one.size for one in fetched.values()))


def _objects(bucket: str, prefix: str, wanted: set[str] | None) -> list[S3Object]:
    """The objects below a prefix in natural order, those in ``wanted`` or all."""
    found = [
        S3Object(entry["Key"], entry["ETag"], entry["Size"])
        for entry in list_objects(s3(), bucket, prefix)
        if not entry["Key"].endswith("/") and (wanted is None or entry["Key"] in wanted)
    ]
    if wanted is not None and len(found) < len(wanted):
        gone = sorted(wanted - {one.key for one in found}, key=natural_key)[0]
        raise bundle.BundleError(
            f"The data file {gone!r} was removed from bucket {bucket!r} since the execution began: "
            "start it again."
        )
    return sorted(found, key=lambda one: natural_key(one.key))


def _relative(key: str, prefix: str) -> PurePosixPath:
    path = PurePosixPath(key.removeprefix(prefix))
    if path.is_absolute() or ".." in path.parts:
        raise bundle.BundleError(
            f'The data file {key!r} would land outside of DATA_PATH: rename it without "..".'
        )
    return path


def _clear(root: Path, paths: dict[Path, S3Object]) -> None:
    """Remove what an earlier script left beside the data, and folders where a file is to be."""
    root.mkdir(parents=True, exist_ok=True)
    folders = {parent for path in paths for parent in path.parents}
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if path not in folders:
                shutil.rmtree(path, ignore_errors=True)
        elif path not in paths:
            path.unlink(missing_ok=True)


def _names(keys: Sequence[str]) -> dict[Variable, Value]:
    """The keys as a variable, or in a file where they are too long for one."""
    if len(json.dumps(keys)) <= MOST_VARIABLE_BYTES:
        return {Variable.DATA_FILES: list(keys)}
    path = Path(tempfile.gettempdir()) / "data_files.json"
    path.write_text(json.dumps(keys))
    return {Variable.DATA_FILES_PATH: path}
