"""The script's objects, downloaded from S3 below /tmp with their key layout.

Object ``KEY`` becomes ``/tmp/KEY``. A warm environment keeps what it has: an object whose ETag is the one of
the file already there is not downloaded again, and a file whose object is gone from the bucket is removed.
"""

from __future__ import annotations

import errno
import secrets
import tempfile
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from boto3.exceptions import RetriesExceededError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from containers.executor.clients import PARALLEL_REQUESTS, s3
from containers.executor.inputs.payload import TMP
from cosmic_fmi.common.digests import digest
from cosmic_fmi.common.s3 import is_absent, list_objects

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

TRANSFER = TransferConfig(multipart_threshold=32 * 2**20, multipart_chunksize=16 * 2**20, max_concurrency=4)


class BundleError(RuntimeError):
    """The bundle cannot be downloaded. The message is one sentence that says what to change."""


class _DiskFullError(BundleError):
    """There is no room for the bundle."""

    def __init__(self) -> None:
        super().__init__(
            "The bundle does not fit into /tmp, with what earlier scripts left there: have them remove it, "
            "or raise executor_ephemeral_storage_mb."
        )


@dataclass(frozen=True)
class Download:
    """What a download took: ``seconds`` of wall time, ``bytes`` from S3, objects fetched and objects already
    there. ``version`` is a digest of all names and contents.
    """

    root: Path
    seconds: float
    bytes: int
    objects_downloaded: int
    objects_cached: int
    version: str


@dataclass(frozen=True)
class S3Object:
    """What a listing says of an object; ``size`` in bytes."""

    key: str
    etag: str
    size: int


@dataclass(frozen=True)
class _Cached:
    """A file as the download left it; a script that changed the file since changed its size or its time."""

    etag: str
    size: int
    mtime_ns: int


_cache: dict[Path, _Cached] = {}


def local_path(path: str) -> Path:
    """Map a path from an execution input, ``/tmp/…``, to this environment's temporary directory.

    They are the same on AWS. The embedded AWS gives each environment a directory of its own through TMPDIR
    where the system cannot mount a private /tmp.
    """
    return Path(tempfile.gettempdir()) / path.removeprefix(TMP)


def download(bucket: str, object_type: str, object_name: str) -> Download:
    """Bring the object, or every object below the folder, to its place below /tmp."""
    started = time.perf_counter()
    objects = _folder(bucket, object_name) if object_type == "folder" else [_single(bucket, object_name)]
    if not objects:
        raise BundleError(
            f'There is no object below "{object_name}/" in bucket {bucket!r}: upload the bundle first.'
        )
    paths = _places(objects)
    root = local_path(TMP + object_name)
    wanted = fetch(bucket, root, paths)
    return Download(
        root=root,
        seconds=time.perf_counter() - started,
        bytes=sum(one.size for one in wanted.values()),
        objects_downloaded=len(wanted),
        objects_cached=len(paths) - len(wanted),
        version=digest(sorted((one.key, one.etag) for one in objects)),
    )


def fetch(bucket: str, root: Path, paths: Mapping[Path, S3Object]) -> dict[Path, S3Object]:
    """Bring objects to their paths, all below ``root``; returns those that were not there yet.

    What was downloaded below ``root`` before and is not among them is removed. Raises :class:`BundleError`.
    """
    _forget(path for path in _cache if path.is_relative_to(root) and path not in paths)
    wanted = {path: one for path, one in paths.items() if not _is_current(path, one)}
    try:
        _fetch_all(bucket, wanted)
    except _DiskFullError:
        # Other executions' bundles in the same warm environment are there only to save time.
        if not _forget(path for path in _cache if path not in paths):
            raise
        _fetch_all(bucket, {path: one for path, one in wanted.items() if not _is_current(path, one)})
    return wanted


def _folder(bucket: str, prefix: str) -> list[S3Object]:
    # Consoles mark an empty folder by an object whose key ends with a slash.
    return [
        S3Object(entry["Key"], entry["ETag"], entry["Size"])
        for entry in list_objects(s3(), bucket, prefix.rstrip("/") + "/")
        if not entry["Key"].endswith("/")
    ]


def _single(bucket: str, key: str) -> S3Object:
    try:
        head = s3().head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if not is_absent(error):
            raise
        raise BundleError(
            f"There is no object {key!r} in bucket {bucket!r}: upload the script first."
        ) from None
    return S3Object(key, head["ETag"], head["ContentLength"])


def _path_of(key: str) -> Path:
    if ".." in key.split("/") or key.startswith("/"):
        raise BundleError(
            f'Object {key!r} would land outside /tmp: rename it without ".." and a leading "/".'
        )
    return local_path(TMP + key)


def _places(objects: Iterable[S3Object]) -> dict[Path, S3Object]:
    """The file that each object becomes. Raises BundleError where a file cannot be both of two objects."""
    paths: dict[Path, S3Object] = {}
    for one in objects:
        other = paths.setdefault(_path_of(one.key), one)
        if other is not one:
            raise BundleError(f"Objects {other.key!r} and {one.key!r} are the same file: rename one of them.")
    for path, one in paths.items():
        above = next((paths[parent] for parent in path.parents if parent in paths), None)
        if above is not None:
            raise BundleError(
                f"Object {above.key!r} would have to be a file and the folder of {one.key!r}: rename one "
                "of them."
            )
    return paths


def _is_current(path: Path, one: S3Object) -> bool:
    cached = _cache.get(path)
    return cached is not None and cached == _describe(path, one.etag)


def _describe(path: Path, etag: str) -> _Cached | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return _Cached(etag, stat.st_size, stat.st_mtime_ns)


def forget_all() -> int:
    """Remove every file that was downloaded, whichever execution it was for; returns how many."""
    return _forget(_cache)


def _forget(paths: Iterable[Path]) -> int:
    """Remove files that were downloaded; returns how many."""
    gone = list(paths)
    for path in gone:
        path.unlink(missing_ok=True)
        del _cache[path]
    return len(gone)


def _fetch_all(bucket: str, wanted: Mapping[Path, S3Object]) -> None:
    with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
        # list() waits for all and raises the first error.
        list(pool.map(lambda item: _fetch(s3(), bucket, *item), wanted.items()))


def _fetch(client: S3Client, bucket: str, path: Path, one: S3Object) -> None:
    # Never half a file under the final name: a timed-out download must not look like a finished one. The name
    # until then is none that another object of the bundle could have.
    partial = path.with_name(f".{secrets.token_hex(16)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(bucket, one.key, str(partial), Config=TRANSFER)
        partial.replace(path)
    except RetriesExceededError as error:
        raise BundleError(
            f"The connection to S3 broke again and again in the middle of {one.key!r} of bucket {bucket!r}: "
            "start the execution again."
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _DiskFullError from error
        raise
    finally:
        partial.unlink(missing_ok=True)
    stored = _describe(path, one.etag)
    if stored is not None:
        _cache[path] = stored
