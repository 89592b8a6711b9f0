"""Packages that the image lacks, importable while one script runs.

They are unpacked once in a warm environment, and their modules are kept for the next script that comes with
the same archive: compiled ones cannot all be loaded twice. A script with another archive, or none, finds
nothing of them.
"""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import site
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import IO

from boto3.exceptions import RetriesExceededError
from botocore.exceptions import ClientError

from containers.executor.clients import s3
from containers.executor.script import archive, bundle
from containers.executor.script.bundle_modules import modules_below
from cosmic_fmi.common.s3 import is_absent


class PackagesError(RuntimeError):
    """The packages cannot be brought here. The message is one sentence that says what to change."""


class _DiskFullError(PackagesError):
    """There is no room for the packages."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The packages {key!r} do not fit into /tmp, with what earlier scripts left there: have them "
            "remove it, or raise executor_ephemeral_storage_mb."
        )


@dataclass
class Packages:
    """An unpacked archive: its folder, the modules that were imported from it, and what it took to bring it
    here this time (``seconds`` of wall time, ``bytes`` from S3; 0 when it was here already).
    """

    etag: str
    folder: Path
    seconds: float = 0.0
    bytes: int = 0
    modules: dict[str, ModuleType] = field(default_factory=dict)


_here: Packages | None = None


def bring(bucket: str, key: str | None, etag: str | None) -> Packages | None:
    """The archive of this execution, unpacked below /tmp; what another one left is removed.

    None when the execution has no archive (no ``key``).
    """
    global _here  # noqa: PLW0603  the environment's memory
    started = time.perf_counter()
    if _here is not None and _here.etag == etag and _here.folder.is_dir():
        _here.seconds, _here.bytes = 0.0, 0
        return _here
    forget()
    if key is None or etag is None:
        return None
    try:
        folder, size = _fetch(bucket, key, etag)
    except _DiskFullError:
        # Other executions' bundles in the same warm environment are there only to save time.
        if not bundle.forget_all():
            raise
        folder, size = _fetch(bucket, key, etag)
    _here = Packages(etag, folder, time.perf_counter() - started, size)
    return _here


def forget() -> None:
    """Remove what is unpacked."""
    global _here  # noqa: PLW0603  the environment's memory
    if _here is not None:
        shutil.rmtree(_here.folder, ignore_errors=True)
        _here = None


@contextmanager
def importable(packages: Packages | None, variables: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Make packages importable for a while; yields the script's variables with a PYTHONPATH for subprocesses.

    They come before what the image has, and after the standard library and this program's own modules.
    """
    if packages is None:
        yield dict(variables)
        return
    folder = str(packages.folder)
    sys.path.insert(_place(), folder)
    sys.modules.update(packages.modules)
    importlib.invalidate_caches()
    try:
        before = variables.get("PYTHONPATH", os.environ.get("PYTHONPATH"))
        yield {**variables, "PYTHONPATH": os.pathsep.join(filter(None, [before, folder]))}
    finally:
        packages.modules = modules_below(packages.folder)
        for name in packages.modules:
            del sys.modules[name]
        sys.path[:] = [entry for entry in sys.path if entry != folder]
        sys.path_importer_cache.pop(folder, None)
        importlib.invalidate_caches()


def _fetch(bucket: str, key: str, etag: str) -> tuple[Path, int]:
    """Download and unpack; the folder, and the bytes that were downloaded.

    The folder is a new one each time, so that no compiled module passes for one of the same name before.
    """
    folder = Path(tempfile.mkdtemp(prefix="packages-"))
    try:
        with tempfile.TemporaryFile() as file:
            _download(bucket, key, etag, file)
            size = file.tell()
            with zipfile.ZipFile(file) as opened:
                _unpack(key, opened, folder)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise _DiskFullError(key) from error
        raise
    return folder, size


def _download(bucket: str, key: str, etag: str, file: IO[bytes]) -> None:
    """The archive that Initialize looked into, and no other."""
    try:
        found = s3().head_object(Bucket=bucket, Key=key)["ETag"]
    except ClientError as error:
        if not is_absent(error):
            raise
        found = None
    if found != etag:
        raise PackagesError(
            f"The packages {key!r} were replaced or removed since the execution began: start it again."
        )
    try:
        s3().download_fileobj(bucket, key, file, Config=bundle.TRANSFER)
    except RetriesExceededError as error:
        raise PackagesError(
            f"The connection to S3 broke again and again in the middle of {key!r} of bucket {bucket!r}: "
            "start the execution again."
        ) from error
    file.seek(0, os.SEEK_END)


def _unpack(key: str, opened: zipfile.ZipFile, folder: Path) -> None:
    """Every file of an archive; no more of each than its directory says, which Initialize added up."""
    archive.check(key, opened.infolist())
    for entry in opened.infolist():
        path = Path(opened.extract(entry, folder))
        if entry.external_attr >> 16 & 0o111 and path.is_file():  # programs that a package brings
            path.chmod(0o755)


def _place() -> int:
    """Where on the import path the image's own packages begin."""
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    places = {os.path.realpath(path) for path in installed}
    found = (index for index, entry in enumerate(sys.path) if os.path.realpath(entry) in places)
    return next(found, len(sys.path))
