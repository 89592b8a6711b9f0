"""Files below a prefix that is named after their content: the same files are uploaded once.

Nobody's upload changes what another execution reads, because other content has another name.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from boto3.exceptions import S3UploadFailedError

from cosmic_fmi.experiment.aws.s3_sync import listing
from cosmic_fmi.experiment.errors import SweepError
from cosmic_fmi.experiment.ui.console import Reporter, Step
from cosmic_fmi.experiment.ui.tables import size

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_THREADS = 4  # files at a time; a large one is sent in parts by ten more
_LARGE = 50_000_000


@dataclass(frozen=True)
class Tree:
    """Files by their names below a prefix."""

    files: Mapping[str, Path]
    _states: dict[str, tuple[int, int]] = field(default_factory=dict)

    def prefix(self, above: str, name: str, reporter: Reporter) -> str:
        """``above/name-digest``, for the content that the files have now."""
        total = sum(path.stat().st_size for path in self.files.values())
        if total < _LARGE:
            return f"{above}/{_safe(name)}-{self._digest(None)}"
        with reporter.step(f"Reading {name} ({size(total)})", total=total) as step:
            return f"{above}/{_safe(name)}-{self._digest(step)}"

    def _digest(self, step: Step | None) -> str:
        made, done = hashlib.sha256(), 0
        for name in sorted(self.files):
            path = self.files[name]
            stat = path.stat()
            self._states[name] = (stat.st_size, stat.st_mtime_ns)
            with path.open("rb") as opened:
                content = hashlib.file_digest(opened, "sha256").hexdigest()
            made.update(f"{len(name.encode())} {name} {content}\n".encode())
            done += stat.st_size
            if step is not None:
                step.update(done, note=size(done))
        return made.hexdigest()[:12]

    def upload(self, s3: S3Client, bucket: str, prefix: str, title: str, reporter: Reporter) -> int:
        """Upload what is not below ``prefix`` yet; the number of files that were.

        Raises :class:`SweepError` for a file that changes meanwhile.
        """
        present = listing(s3, bucket, f"{prefix}/")
        sizes = {name: path.stat().st_size for name, path in self.files.items()}
        missing = [name for name in sorted(sizes) if present.get(f"{prefix}/{name}", (-1,))[0] != sizes[name]]
        if not missing:
            return 0
        total = sum(sizes[name] for name in missing)
        with reporter.step(title, total=total) as step:
            sending = _Sending(s3, bucket, prefix, self, step, total, len(missing))
            sending.run(missing)
            step.update(note="" if len(missing) == len(sizes) else f"{len(missing)} were missing")
        return len(missing)

    def check_unchanged(self, name: str) -> None:
        """Raises :class:`SweepError` where a file is not what its prefix is named after."""
        stat = self.files[name].stat()
        if self._states.get(name, (stat.st_size, stat.st_mtime_ns)) != (stat.st_size, stat.st_mtime_ns):
            raise SweepError(f"{self.files[name]} has changed while it was uploaded: run this again")


@dataclass
class _Sending:
    """One upload of several files at a time, with its progress."""

    s3: S3Client
    bucket: str
    prefix: str
    tree: Tree
    step: Step
    total: int
    files: int
    done: int = 0
    finished: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, names: list[str]) -> None:
        with ThreadPoolExecutor(_THREADS) as pool:
            try:
                futures = [pool.submit(self._send, name) for name in names]
                for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                    future.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _send(self, name: str) -> None:
        path = self.tree.files[name]
        try:
            self.s3.upload_file(str(path), self.bucket, f"{self.prefix}/{name}", Callback=self._advance)
        except S3UploadFailedError as error:
            raise SweepError(f"{path} could not be uploaded: {error}") from error
        self.tree.check_unchanged(name)
        with self.lock:
            self.finished += 1
        self._advance(0)

    def _advance(self, more: int) -> None:
        with self.lock:
            self.done += more
            note = f"{self.finished} of {self.files} files, {size(self.done)}"
            self.step.update(self.done, self.total, note)


def _safe(name: str) -> str:
    """A name as part of a key that needs no escaping anywhere."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.")[:40] or "program"
