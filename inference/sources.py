"""Where a rank's galaxies come from: a local file, or partitions in S3 that download while others compute."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from inference.dataset import read
from inference.galaxies import Galaxies

PIECE = 2**20
"""Bytes that are read from a connection at a time."""


@dataclass
class Traffic:
    """Counted S3 traffic: requests, their summed seconds (prefetching included) and bytes of objects."""

    requests: int = 0
    seconds: float = 0.0
    bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, seconds: float, size: int) -> None:
        """Count one request."""
        with self._lock:
            self.requests += 1
            self.seconds += seconds
            self.bytes += size


class S3(Protocol):
    """What of a boto3 S3 client is used here."""

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803, ANN401
        """An object's body under "Body"."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> Any:  # noqa: N803, ANN401
        """Store an object."""


class CountedS3:
    """Whole objects in and out of S3, counted in `traffic`."""

    def __init__(self, client: S3) -> None:
        self.client = client
        self.traffic = Traffic()

    def get(self, bucket: str, key: str) -> bytearray:
        """An object's bytes, writable so that arrays can share them."""
        started = time.perf_counter()
        found = self.client.get_object(Bucket=bucket, Key=key)
        content = bytearray(found["ContentLength"])
        at = 0
        with memoryview(content) as view:
            # In pieces, because the body reads into a buffer of its own first.
            while read := found["Body"].readinto(view[at : at + PIECE]):
                at += read
        self.traffic.add(time.perf_counter() - started, len(content))
        return content

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Store an object."""
        started = time.perf_counter()
        self.client.put_object(Bucket=bucket, Key=key, Body=content)
        self.traffic.add(time.perf_counter() - started, len(content))


class Source(Protocol):
    """Parts of a rank's data, one after the other."""

    def parts(self) -> Iterator[Galaxies]:
        """Each partition once; DataError when one cannot be read."""

    @property
    def waited(self) -> float:
        """Seconds that the consumer stood still for data so far."""


class FileSource:
    """This rank's contiguous share of one local file."""

    def __init__(self, path: Path, rank: int = 0, world_size: int = 1) -> None:
        self.path, self.rank, self.world_size = path, rank, world_size
        self.waited = 0.0

    def parts(self) -> Iterator[Galaxies]:
        """The share, as one part; nothing where more ranks than galaxies leave it empty."""
        started = time.perf_counter()
        share = read(self.path).share(self.rank, self.world_size)
        self.waited += time.perf_counter() - started
        if len(share):
            yield share


class S3Source:
    """Partitions of a bucket; while one is computed, the next one downloads and is decoded.

    At most two partitions are in memory at a time, however many there are.
    """

    def __init__(self, s3: CountedS3, bucket: str, keys: Sequence[str]) -> None:
        self.s3, self.bucket, self.keys = s3, bucket, keys
        self.waited = 0.0

    def parts(self) -> Iterator[Galaxies]:
        """Each partition, in the order of the keys."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch") as pool:
            coming: Future[Galaxies] | None = None
            for number in range(len(self.keys)):
                coming = coming or pool.submit(self._fetch, self.keys[number])
                part = self._await(coming)
                following = number + 1
                coming = (
                    pool.submit(self._fetch, self.keys[following]) if following < len(self.keys) else None
                )
                yield part

    def _await(self, coming: "Future[Galaxies]") -> Galaxies:
        started = time.perf_counter()
        part = coming.result()
        self.waited += time.perf_counter() - started
        return part

    def _fetch(self, key: str) -> Galaxies:
        return read(self.s3.get(self.bucket, key), name=f"s3://{self.bucket}/{key}")
