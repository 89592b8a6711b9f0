"""Where prepared files go: a folder on this machine, a bucket, or both, without making any of them twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from cosmic_fmi.common.files import OutputError, make_writable, write_atomically
from cosmic_fmi.common.s3 import read_object
from cosmic_fmi.experiment.aws.s3_sync import Upload, listing, put_all
from cosmic_fmi.experiment.errors import DeliveryError
from cosmic_fmi.experiment.ui.console import Step
from inference.data.partitions import SUFFIXES

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


class File(Protocol):
    """A file to deliver; the name is relative and has forward slashes."""

    @property
    def name(self) -> str:
        """Where it goes."""

    @property
    def content(self) -> bytes:
        """What it holds."""


@dataclass(frozen=True)
class Bucket:
    """A prefix in a bucket; an empty one is its root."""

    s3: S3Client
    name: str
    prefix: str

    def key(self, name: str) -> str:
        """The key of a file."""
        return f"{self.prefix}/{name}" if self.prefix else name


@dataclass(frozen=True)
class Delivery:
    """A folder, a bucket, or both."""

    folder: Path | None
    bucket: Bucket | None

    def reach(self) -> None:
        """Make the folder and look for the bucket, early: reading all data takes long.

        Raises DeliveryError when the folder takes no files, ClientError when the bucket is not to be had.
        """
        if self.folder is not None:
            try:
                make_writable(self.folder)
            except OutputError as error:
                raise DeliveryError(str(error)) from error
        if self.bucket is not None:
            self.bucket.s3.list_objects_v2(Bucket=self.bucket.name, Prefix=self.bucket.prefix, MaxKeys=1)

    def held(self, name: str) -> Iterator[tuple[str, bytes]]:
        """What the places have under a file's name: where it is, and its content."""
        if self.folder is not None and (self.folder / name).is_file():
            yield str(self.folder / name), (self.folder / name).read_bytes()
        if self.bucket is not None:
            s3, bucket, key = self.bucket.s3, self.bucket.name, self.bucket.key(name)
            if key in listing(s3, bucket, key):
                yield f"s3://{bucket}/{key}", read_object(s3, bucket, key)

    def check(self, expected: Mapping[str, int], suffix: str) -> None:
        """Raise DeliveryError when there are data files that the `expected` ones, a number by folder, leave.

        A reader of that folder would take them for part of the data. Readers of train, validation and test
        take all sizes of a part, and another split's would put galaxies of the test part into training.
        """
        for top in dict.fromkeys(folder.partition("/")[0] for folder in expected):
            for place, names in self._there(top):
                stranger = next((name for name in names if _is_stranger(name, expected, suffix)), None)
                if stranger is not None:
                    raise DeliveryError(
                        f"{place}/{stranger} is there already and none of the partitions that are made: "
                        "delete what is there or choose another place"
                    )

    def _there(self, top: str) -> Iterator[tuple[str, list[str]]]:
        """The places that have files, at any depth, below the folder `top`, and their names there."""
        if self.folder is not None:
            found = sorted((self.folder / top).rglob("*"))
            yield str(self.folder), [path.relative_to(self.folder).as_posix() for path in found]
        if self.bucket is not None:
            root = self.bucket.key("")
            keys = listing(self.bucket.s3, self.bucket.name, self.bucket.key(top) + "/")
            yield f"s3://{self.bucket.name}/{root}".rstrip("/"), [key.removeprefix(root) for key in keys]

    def take(self, files: Iterable[File], total: int, step: Step) -> int:
        """Deliver every file that is not there yet with the same content; returns how many were not."""
        progress = _Progress(total, step)
        written = self._write(files, progress)
        if self.bucket is None:
            for _ in written:
                pass
            return progress.made
        target = self.bucket
        present = listing(target.s3, target.name, f"{target.prefix}/" if target.prefix else "")
        uploads = (Upload(file.content, target.key(file.name)) for file in written)
        missing = (upload for upload in uploads if progress.is_missing(upload, present))
        put_all(target.s3, target.name, missing, progress.sent)
        return progress.made

    def _write(self, files: Iterable[File], progress: _Progress) -> Iterator[File]:
        for file in files:
            if self.folder is not None:
                fresh = _write(self.folder / file.name, file.content)
                if self.bucket is None:
                    progress.count(fresh)
            yield file


class _Progress:
    """How many files are done, and how many of those were there already."""

    def __init__(self, total: int, step: Step) -> None:
        self.total, self.step = total, step
        self.made = self.there = 0

    def count(self, fresh: bool) -> None:
        self.made += fresh
        self.there += not fresh
        self._show()

    def is_missing(self, upload: Upload, present: dict[str, tuple[int, str]]) -> bool:
        there = upload.is_in(present)
        if there:
            self.count(fresh=False)
        return not there

    def sent(self, done: int) -> None:
        self.made = done
        self._show()

    def _show(self) -> None:
        done = self.made + self.there
        note = f"{done:,} of {self.total:,} files" + (f", {self.there:,} there already" if self.there else "")
        self.step.update(done, self.total, note)


def _write(path: Path, content: bytes) -> bool:
    """Write the file unless it is there with this content; returns whether it was written."""
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    return True


def _is_stranger(name: str, expected: Mapping[str, int], suffix: str) -> bool:
    """Whether it is a data file that this preparation does not make."""
    path = PurePosixPath(name)
    if path.suffix not in SUFFIXES:
        return False
    count = expected.get(str(path.parent), 0)
    number = int(path.stem) if path.stem.isdecimal() else 0
    return path.suffix != suffix or not 1 <= number <= count or path.stem != str(number)
