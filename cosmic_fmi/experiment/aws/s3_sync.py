"""Uploads files into a bucket, several at a time, skipping those that are there already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cosmic_fmi.common.s3 import list_objects
from cosmic_fmi.experiment.ui.console import Reporter

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_THREADS = 8


@dataclass(frozen=True)
class Upload:
    """A file, or the content of one, and the key it gets."""

    source: Path | bytes
    key: str

    def content(self) -> bytes:
        """What the object is to hold."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()

    def is_in(self, present: Mapping[str, tuple[int, str]]) -> bool:
        """Whether the object is there with this content; the ETag of one plain PUT is the content's MD5."""
        size, etag = present.get(self.key, (-1, ""))
        if size != (len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size):
            return False
        return hashlib.md5(self.content(), usedforsecurity=False).hexdigest() == etag.strip('"')


def listing(s3: S3Client, bucket: str, prefix: str) -> dict[str, tuple[int, str]]:
    """Size and ETag of every object below ``prefix``, by key."""
    return {item["Key"]: (item["Size"], item["ETag"]) for item in list_objects(s3, bucket, prefix)}


def sync(
    s3: S3Client, bucket: str, prefix: str, uploads: Iterable[Upload], *, reporter: Reporter, title: str
) -> int:
    """Upload what is not below ``prefix`` yet with the same size and content; returns how many that were."""
    present = listing(s3, bucket, prefix)
    missing = [upload for upload in uploads if not upload.is_in(present)]
    if not missing:
        return 0
    with reporter.step(title, total=len(missing)) as step:
        put_all(
            s3,
            bucket,
            missing,
            lambda done: step.update(done, len(missing), f"{done} of {len(missing)} files"),
        )
    return len(missing)


def put_all(s3: S3Client, bucket: str, uploads: Iterable[Upload], report: Callable[[int], None]) -> None:
    """Upload everything; ``report`` gets the number that is done, each time it grows.

    ``uploads`` may be a generator of any length: as many are taken from it as are being sent.
    """
    done, pending = 0, set[Future[None]]()
    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            for upload in uploads:
                pending.add(pool.submit(_put, s3, bucket, upload))
                if len(pending) == _THREADS:
                    done, pending = _finish(done, pending, report)
            while pending:
                done, pending = _finish(done, pending, report)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _finish(
    done: int, pending: set[Future[None]], report: Callable[[int], None]
) -> tuple[int, set[Future[None]]]:
    finished, still = wait(pending, return_when=FIRST_COMPLETED)
    for future in finished:
        future.result()
        done += 1
        report(done)
    return done, still


def _put(s3: S3Client, bucket: str, upload: Upload) -> None:
    # One plain PUT, whatever the size: a multipart upload's ETag would not be the content's MD5.
    if isinstance(upload.source, bytes):
        s3.put_object(Bucket=bucket, Key=upload.key, Body=upload.source)
        return
    with upload.source.open("rb") as body:
        s3.put_object(Bucket=bucket, Key=upload.key, Body=body)
