"""Where prepared files go: a folder on this machine, a bucket, or both, without making any of them twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from experiment.console import Step
from experiment.errors import DeliveryError
from experiment.sync import Upload, listing, put_all
from inference.files import write_atomically
from inference.partitions import SUFFIXES

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

    def check(self, expected: Mapping[str, int], suffix: str) -> None:
        """Raise DeliveryError when a folder holds data files that the `expected` number would not replace.

        A reader of that folder would take them for part of the data.
        """
        for folder, count in expected.items():
            for place, names in self._there(folder):
                strangers = [name for name in names if _is_stranger(name, count, suffix)]
                if strangers:
                    raise DeliveryError(
                        f"{place} holds {strangers[0]} already, which is none of the {count} partitions "
                        "that are made: delete what is there or choose another place"
                    )

    def _there(self, folder: str) -> Iterator[tuple[str, list[str]]]:
        if self.folder is not None and (self.folder / folder).is_dir():
            yield str(self.folder / folder), [path.name for path in (self.folder / folder).iterdir()]
        if self.bucket is not None:
            prefix = self.bucket.key(folder) + "/"
            found = listing(self.bucket.s3, self.bucket.name, prefix)
            yield f"s3://{self.bucket.name}/{prefix}", [key.removeprefix(prefix) for key in found]

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
    """Write the file unless it is there with this content; whether it was not."""
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    return True


def _is_stranger(name: str, count: int, suffix: str) -> bool:
    path = PurePosixPath(name)
    if path.suffix not in SUFFIXES:
        return False
    return path.suffix != suffix or not path.stem.isdecimal() or not 1 <= int(path.stem) <= count
