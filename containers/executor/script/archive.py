"""An archive of packages in S3: a zip file whose root goes onto the import path.

Its directory, at its end, says all that is to be known before it is unpacked, and is read without the rest.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from containers.executor.clients import s3
from containers.executor.inputs.mistakes import InputError
from cosmic_fmi.common.s3 import is_absent, is_no_bucket

if TYPE_CHECKING:
    from typing_extensions import Buffer

_BLOCK = 256 * 1024
_ENCRYPTED = 0x1
_MADE_BY = "`cosmic-fmi run --requirements` makes one that fits"
_MODULE = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Archive:
    """What an archive's directory says. ``bytes`` is what it takes in /tmp, itself included, while it is
    unpacked; ``modules`` are the names that become importable.
    """

    etag: str
    bytes: int
    modules: frozenset[str]


def look_into(bucket: str, key: str, most_bytes: int | None) -> Archive:
    """Read and check the directory of the archive at ``key``, which may take ``most_bytes`` of /tmp.

    Raises :class:`InputError` when it is not there, is no archive, or must not be unpacked.
    """
    file = _S3File(bucket, key)
    try:
        with zipfile.ZipFile(io.BufferedReader(file, _BLOCK)) as opened:
            entries = opened.infolist()
    except zipfile.BadZipFile as error:
        raise InputError(
            f'"requirements" is {key!r}, which is no zip archive ({error}): {_MADE_BY}.'
        ) from None
    check(key, entries)
    needed = file.size + sum(entry.file_size for entry in entries)
    if most_bytes is not None and needed > most_bytes:
        raise InputError(
            f'"requirements" is {key!r}, which needs {needed / 2**20:,.0f} MB of /tmp, and a rank has '
            f"{most_bytes / 2**20:,.0f} MB: raise the Terraform variable executor_ephemeral_storage_mb, or "
            "leave out packages."
        )
    return Archive(file.etag, needed, modules_of(entry.filename for entry in entries))


def check(key: str, entries: Iterable[zipfile.ZipInfo]) -> None:
    """Raise :class:`InputError` for an entry that would land outside, or cannot be read."""
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename:
            raise InputError(
                f'"requirements" is {key!r}, of which {entry.filename!r} would land outside: {_MADE_BY}.'
            )
        if entry.flag_bits & _ENCRYPTED:
            raise InputError(f'"requirements" is {key!r}, which is encrypted: {_MADE_BY}.')


def modules_of(names: Iterable[str]) -> frozenset[str]:
    """The top-level modules among an archive's files, such as ``timm`` of ``timm/__init__.py``."""
    tops = set()
    for name in names:
        top, _, below = name.partition("/")
        module = top if below else top.partition(".")[0] if top.endswith((".py", ".so")) else ""
        if _MODULE.fullmatch(module):
            tops.add(module)
    return frozenset(tops)


class _S3File(io.RawIOBase):
    """An object as a file that can be read at any place, one request a read."""

    def __init__(self, bucket: str, key: str) -> None:
        self._bucket, self._key, self._at = bucket, key, 0
        try:
            head = s3().head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if not (is_absent(error) or is_no_bucket(error)):
                raise
            raise InputError(
                f"There is no object {key!r} in bucket {bucket!r}: "
                'correct "requirements", or use `cosmic-fmi run --requirements`, which uploads it.'
            ) from None
        self.size, self.etag = head["ContentLength"], head["ETag"]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if self._at < 0:
            raise OSError("there is nothing before the start of the object")
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        end = min(self._at + len(view), self.size)
        if end <= self._at:
            return 0
        got = s3().get_object(
            Bucket=self._bucket, Key=self._key, Range=f"bytes={self._at}-{end - 1}", IfMatch=self.etag
        )
        data = got["Body"].read()
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
