from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from rich.console import Console

from cosmic_fmi.experiment.aws.clients import Clients
from cosmic_fmi.experiment.aws.s3_sync import Upload, put_all
from cosmic_fmi.experiment.data.delivery import Bucket, Delivery
from cosmic_fmi.experiment.errors import DeliveryError
from cosmic_fmi.experiment.ui.console import Reporter, Step
from inference.preparation.prepare import File


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    made = Clients(boto3.Session("test", "test", region_name="us-east-1"), f"http://{host}:{port}")
    made.s3.create_bucket(Bucket="prepared")
    yield made
    made.s3.close()
    server.stop()


@pytest.fixture
def bucket(clients: Clients, request: pytest.FixtureRequest) -> Bucket:
    return Bucket(clients.s3, "prepared", f"tests/{request.node.name}")


def files(count: int, content: bytes = b"content") -> Iterator[File]:
    for number in range(1, count + 1):
        yield File(f"25MB/{number}.pt", content + str(number).encode())


def take(delivery: Delivery, count: int, content: bytes = b"content") -> tuple[int, str]:
    """How many were delivered, and the last note."""
    reporter = Reporter(Console(file=io.StringIO()))
    with reporter.step("Delivering") as step:
        return delivery.take(files(count, content), count, step), step.note


def test_a_folder_gets_what_is_missing(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path, None)
    assert take(delivery, 3) == (3, "3 of 3 files")
    assert (tmp_path / "25MB" / "2.pt").read_bytes() == b"content2"
    assert sorted(path.name for path in (tmp_path / "25MB").iterdir()) == ["1.pt", "2.pt", "3.pt"]
    (tmp_path / "25MB" / "2.pt").write_bytes(b"CONTENT2")
    (tmp_path / "25MB" / "3.pt").unlink()
    assert take(delivery, 4) == (3, "4 of 4 files, 1 there already")
    assert (tmp_path / "25MB" / "2.pt").read_bytes() == b"content2"


def test_a_bucket_gets_what_is_missing(bucket: Bucket) -> None:
    delivery = Delivery(None, bucket)
    assert take(delivery, 30) == (30, "30 of 30 files")
    bucket.s3.put_object(Bucket=bucket.name, Key=bucket.key("25MB/2.pt"), Body=b"CONTENT2")
    bucket.s3.delete_object(Bucket=bucket.name, Key=bucket.key("25MB/30.pt"))
    assert take(delivery, 30) == (2, "30 of 30 files, 28 there already")
    body = bucket.s3.get_object(Bucket=bucket.name, Key=bucket.key("25MB/2.pt"))["Body"].read()
    assert body == b"content2"
    assert take(delivery, 30) == (0, "30 of 30 files, 30 there already")


def test_both_at_once(tmp_path: Path, bucket: Bucket) -> None:
    delivery = Delivery(tmp_path, bucket)
    assert take(delivery, 3) == (3, "3 of 3 files")
    assert len(list((tmp_path / "25MB").iterdir())) == 3
    assert take(Delivery(None, bucket), 3)[0] == 0


def test_leftovers_of_a_larger_preparation_are_refused(tmp_path: Path, bucket: Bucket) -> None:
    take(Delivery(tmp_path, bucket), 5)
    (tmp_path / "25MB" / "notes.txt").touch()
    for delivery in (Delivery(tmp_path, None), Delivery(None, bucket)):
        delivery.check({"25MB": 5, "100MB": 1}, ".pt")
        with pytest.raises(DeliveryError, match=r"25MB/[45]\.pt is there already and none of the partitions"):
            delivery.check({"25MB": 3}, ".pt")


def test_other_formats_beside_are_refused(tmp_path: Path) -> None:
    take(Delivery(tmp_path, None), 1)
    with pytest.raises(DeliveryError, match=r"25MB/1\.pt is there already"):
        Delivery(tmp_path, None).check({"25MB": 1}, ".safetensors")


def test_another_split_of_another_size_is_refused(tmp_path: Path, bucket: Bucket) -> None:
    """Training reads every size of a part: galaxies of this test part would be in that training part."""
    earlier = [File(f"{part}/10MB/1.pt", b"content") for part in ("train", "test")]
    for delivery in (Delivery(tmp_path, None), Delivery(None, bucket)):
        with Reporter(Console(file=io.StringIO())).step("Delivering") as step:
            delivery.take(earlier, len(earlier), step)
        made = {"train/25MB": 2, "test/25MB": 1}
        with pytest.raises(DeliveryError, match=r"train/10MB/1\.pt is there already"):
            delivery.check(made, ".pt")
        delivery.check(made | {"train/10MB": 1, "test/10MB": 1}, ".pt")
        delivery.check({"25MB": 2}, ".pt")  # a world reads one folder, and finds others beside it


def test_another_spelling_of_a_number_is_another_file(tmp_path: Path) -> None:
    take(Delivery(tmp_path, None), 1)
    (tmp_path / "25MB" / "01.pt").touch()
    with pytest.raises(DeliveryError, match=r"25MB/01\.pt is there already"):
        Delivery(tmp_path, None).check({"25MB": 1}, ".pt")


class SlowS3:
    """Counts what is being sent; nothing is done before a number of objects is on its way."""

    def __init__(self, at_once: int) -> None:
        self.full = threading.Barrier(at_once)
        self.finished = 0
        self.lock = threading.Lock()

    def put_object(self, **_: object) -> None:
        self.full.wait(30)
        with self.lock:
            self.finished += 1


def test_objects_are_sent_side_by_side_and_not_made_ahead() -> None:
    s3: Any = SlowS3(at_once=8)
    made = 0

    def uploads() -> Iterator[Upload]:
        nonlocal made
        for number in range(64):
            made += 1
            assert made - s3.finished <= 8
            yield Upload(b"x", str(number))

    seen: list[int] = []
    put_all(s3, "bucket", uploads(), seen.append)
    assert s3.finished == 64
    assert seen == list(range(1, 65))


def test_a_failure_ends_it_and_the_generator_is_asked_for_no_more(clients: Clients) -> None:
    made = []

    def uploads() -> Iterator[Upload]:
        for number in range(1000):
            made.append(number)
            yield Upload(b"x", str(number))

    with pytest.raises(clients.s3.exceptions.NoSuchBucket):
        put_all(clients.s3, "nowhere", uploads(), made.append)
    assert len(made) < 20


def test_a_note_counts(tmp_path: Path) -> None:
    notes = []

    class Noting(Step):
        def update(self, done: int | None = None, total: int | None = None, note: str | None = None) -> None:
            notes.append((done, total, note))

    Delivery(tmp_path, None).take(files(2), 2, Noting("x", 2, None))
    assert notes == [(1, 2, "1 of 2 files"), (2, 2, "2 of 2 files")]
