"""Where a rank's galaxies come from: a local file, or partitions in S3 that download while others compute."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cosmic_fmi.common.s3 import read_again
from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.data.dataset import read

if TYPE_CHECKING:
    from cosmic_fmi.common.contract.result import TrafficKeys

PIECE = 2**20
"""Bytes that are read from a connection at a time."""


@dataclass
class Traffic:
    """Counted S3 traffic: requests, their summed seconds (prefetching included) and bytes of objects."""

    requests: int = 0
    seconds: float = 0.0
    fastest: float = 0.0
    slowest: float = 0.0
    bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, seconds: float, size: int) -> None:
        """Count one request."""
        with self._lock:
            self.fastest = min(seconds, self.fastest) if self.requests else seconds
            self.slowest = max(seconds, self.slowest)
            self.requests += 1
            self.seconds += seconds
            self.bytes += size

    def as_dict(self) -> "TrafficKeys":
        """The traffic under the names of the course's results; times in seconds, 0.0 without any request."""
        with self._lock:
            return {
                "s3_num_requests": self.requests,
                "s3_total_time": self.seconds,
                "s3_avg_time": self.seconds / max(self.requests, 1),
                "s3_min_time": self.fastest,
                "s3_max_time": self.slowest,
                "s3_bytes": self.bytes,
            }


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
        """An object's bytes, writable so that arrays can share them.

        Raises ConnectionError when it broke off every time, and what the client raises.
        """
        return read_again(f"s3://{bucket}/{key}", lambda: self._read(bucket, key))

    def _read(self, bucket: str, key: str) -> bytearray:
        started = time.perf_counter()
        found = self.client.get_object(Bucket=bucket, Key=key)
        content = bytearray(found["ContentLength"])
        at = 0
        try:
            with memoryview(content) as view:
                # In pieces, because the body reads into a buffer of its own first.
                while read := found["Body"].readinto(view[at : at + PIECE]):
                    at += read
        finally:
            self.traffic.add(time.perf_counter() - started, at)
        return content

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Store an object."""
        started = time.perf_counter()
        self.client.put_object(Bucket=bucket, Key=key, Body=content)
        self.traffic.add(time.perf_counter() - started, len(content))


class Source(Protocol):
    """Parts of a rank's data, one after the other."""

    def parts(self) -> Iterator[Galaxies]:
        """Each part once. A consumer that drops one before it asks for the next keeps the memory bounded."""

    @property
    def waited(self) -> float:
        """Seconds that the consumer stood still for data so far."""

    @property
    def refused(self) -> Sequence[DataError]:
        """Why parts that could not be used were left out so far."""


class FileSource:
    """This rank's contiguous share of one local file."""

    def __init__(self, path: Path, rank: int = 0, world_size: int = 1) -> None:
        self.path, self.rank, self.world_size = path, rank, world_size
        self.waited = 0.0
        self.refused: list[DataError] = []

    def parts(self) -> Iterator[Galaxies]:
        """The share, as one part; nothing where more ranks than galaxies leave it empty.

        Raises DataError when the file cannot be used.
        """
        started = time.perf_counter()
        share = read(self.path).share(self.rank, self.world_size)
        self.waited += time.perf_counter() - started
        if len(share):
            yield share


class Partitions:
    """Partitions that are fetched one ahead: while one is computed, the next downloads and is decoded.

    Two are in memory at most, however many there are. One that cannot be used is left out, and the others
    are not affected; `refused` has the reason.
    """

    def __init__(self, names: Sequence[str], fetch: Callable[[str], Galaxies]) -> None:
        self.names, self.fetch = names, fetch
        self.waited = 0.0
        self.refused: list[DataError] = []

    def parts(self) -> Iterator[Galaxies]:
        """Each partition that can be used, in order. Raises what `fetch` raises, but for DataError."""
        names = iter(self.names)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch") as pool:
            coming = self._begin(pool, names)
            while coming is not None:
                part = self._await(coming)
                coming = self._begin(pool, names)
                if part is not None:
                    yield part
                # Gone before the next one is awaited, because then the one after it begins to download.
                del part

    def _begin(self, pool: ThreadPoolExecutor, names: Iterator[str]) -> "Future[Galaxies] | None":
        name = next(names, None)
        return None if name is None else pool.submit(self.fetch, name)

    def _await(self, coming: "Future[Galaxies]") -> Galaxies | None:
        started = time.perf_counter()
        try:
            return coming.result()
        except DataError as error:
            # Without its traceback, whose frames hold the file's content.
            self.refused.append(DataError(str(error)))
            return None
        finally:
            self.waited += time.perf_counter() - started


def s3_partitions(s3: CountedS3, bucket: str, keys: Sequence[str]) -> Partitions:
    """Partitions in a bucket."""
    return Partitions(keys, lambda key: read(s3.get(bucket, key), name=f"s3://{bucket}/{key}"))


def file_partitions(paths: Sequence[Path]) -> Partitions:
    """Partitions on this machine."""
    return Partitions([str(path) for path in paths], lambda path: read(Path(path)))
