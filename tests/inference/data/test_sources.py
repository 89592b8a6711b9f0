"""Partitions are fetched one ahead, two are in memory at most, and a bad one does not touch the others."""

import threading
import weakref
from pathlib import Path

import boto3
import numpy as np
import pytest

from cosmic_fmi.common.s3 import ATTEMPTS
from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.data.partitions import write_partitions
from inference.data.sources import CountedS3, Partitions, Traffic, file_partitions
from inference.engines.select import open_engine
from inference.predict import DEFAULT_MODEL
from inference.rank.environment import RankEnvironment
from inference.rank.run import Phases, infer
from tests.support.breaking_s3 import BreakingS3, breaking_s3

WAIT_S = 30


class Fetcher:
    """Makes partitions of one galaxy, and knows how many of them exist at a time."""

    def __init__(self, bad: tuple[str, ...] = ()) -> None:
        self.bad = bad
        self.begun = {str(number): threading.Event() for number in range(20)}
        self.alive = 0
        self.most = 0
        self._lock = threading.Lock()

    def __call__(self, name: str) -> Galaxies:
        with self._lock:
            self.alive += 1
            self.most = max(self.most, self.alive)
        self.begun[name].set()
        if name in self.bad:
            self._forget()
            raise DataError(f"{name}: is bad.")
        galaxies = Galaxies(
            np.zeros((1, 5, 32, 32), np.float32), np.ones((1, 5)), np.ones(1), np.array([int(name)])
        )
        weakref.finalize(galaxies.image, self._forget)
        return galaxies

    def _forget(self) -> None:
        with self._lock:
            self.alive -= 1


def test_traffic_knows_its_fastest_and_slowest_request() -> None:
    traffic = Traffic()
    assert set(traffic.as_dict().values()) == {0}
    for seconds in (2.0, 1.0, 6.0):
        traffic.add(seconds, 10)
    assert traffic.as_dict() == {
        "s3_num_requests": 3,
        "s3_total_time": 9.0,
        "s3_avg_time": 3.0,
        "s3_min_time": 1.0,
        "s3_max_time": 6.0,
        "s3_bytes": 30,
    }


def names(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_the_next_partition_is_fetched_while_one_is_computed() -> None:
    fetch = Fetcher()
    for number, part in enumerate(Partitions(names(20), fetch).parts()):
        assert part.object_id.tolist() == [number]
        if number < 19:
            # Only now, with this part in hand, so the fetch overlaps with the work on it.
            assert fetch.begun[str(number + 1)].wait(WAIT_S)
        assert not any(fetch.begun[str(later)].is_set() for later in range(number + 2, 20))
        del part


def test_a_rank_holds_two_partitions_at_most() -> None:
    fetch = Fetcher(bad=("7", "19"))
    source = Partitions(names(20), fetch)
    orders = RankEnvironment(0, 1, "bucket", "results", batch_size=1)
    _, predictions = infer(open_engine(DEFAULT_MODEL), source, orders, Phases())
    assert fetch.most == 2
    assert predictions.object_id.tolist() == [number for number in range(20) if number not in (7, 19)]
    assert [str(error) for error in source.refused] == ["7: is bad.", "19: is bad."]


def test_every_partition_may_be_bad() -> None:
    source = Partitions(names(3), Fetcher(bad=("0", "1", "2")))
    assert list(source.parts()) == []
    assert len(source.refused) == 3


def test_other_errors_end_it() -> None:
    def fetch(name: str) -> Galaxies:
        if name == "1":
            raise ConnectionError("no route")
        return Fetcher()(name)

    parts = Partitions(names(3), fetch).parts()
    assert next(parts).object_id.tolist() == [0]
    with pytest.raises(ConnectionError):
        next(parts)


def test_a_consumer_that_stops_early_leaves_no_thread() -> None:
    parts = Partitions(names(20), Fetcher()).parts()
    next(parts)
    parts.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_partitions_of_a_folder(survey: Galaxies, tmp_path: Path) -> None:
    files = write_partitions(tmp_path, survey[:25], count=11)
    files[3].write_bytes(b"")
    source = file_partitions(files)
    read_back = [int(number) for part in source.parts() for number in part.object_id]
    assert read_back == [*range(6), *range(9, 25)]
    assert [str(error).partition(": ")[0] for error in source.refused] == [str(files[3])]


def counted(server: BreakingS3) -> CountedS3:
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    return CountedS3(client)


def test_an_object_that_breaks_off_is_asked_for_again() -> None:
    with breaking_s3(bytes(range(256)) * 1000) as server:
        server.breaks = ATTEMPTS - 1
        s3 = counted(server)
        assert s3.get("bucket", "1.pt") == server.content
        assert s3.traffic.requests == server.gets == ATTEMPTS
        assert s3.traffic.bytes == len(server.content) + (ATTEMPTS - 1) * len(server.content) // 2


def test_an_object_that_breaks_off_every_time_is_one_sentence() -> None:
    with breaking_s3(bytes(100_000)) as server:
        server.breaks = ATTEMPTS
        with pytest.raises(ConnectionError, match=r"s3://bucket/1\.pt broke off in each of 4 attempts"):
            counted(server).get("bucket", "1.pt")
