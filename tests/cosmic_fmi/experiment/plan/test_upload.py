from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from rich.console import Console

from cosmic_fmi.experiment.aws.clients import Clients
from cosmic_fmi.experiment.aws.s3_sync import Upload, sync
from cosmic_fmi.experiment.plan.upload import partitions_for, sample_files, upload_bundle
from cosmic_fmi.experiment.ui.console import Reporter
from inference.data.dataset import read


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    session = boto3.Session("test", "test", region_name="us-east-1")
    made = Clients(session, f"http://{host}:{port}")
    made.s3.create_bucket(Bucket="uploads")
    yield made
    made.s3.close()
    server.stop()


def reporter() -> Reporter:
    return Reporter(Console(file=io.StringIO()))


def test_only_what_changed_is_uploaded(clients: Clients, tmp_path: Path) -> None:
    uploads = []
    for index in range(5):
        path = tmp_path / f"{index}.pt"
        path.write_text(f"content {index}")
        uploads.append(Upload(path, f"p/{index}.pt"))

    def again() -> int:
        return sync(clients.s3, "uploads", "p/", uploads, reporter=reporter(), title="Uploading")

    assert again() == 5
    assert again() == 0
    (tmp_path / "3.pt").write_text("CONTENT 3")  # the same size
    assert again() == 1
    assert clients.s3.get_object(Bucket="uploads", Key="p/3.pt")["Body"].read() == b"CONTENT 3"


def test_the_bundle_keeps_its_layout(clients: Clients) -> None:
    upload_bundle(clients.s3, "uploads", reporter())
    keys = {
        item["Key"]
        for item in clients.s3.list_objects_v2(Bucket="uploads", Prefix="Anomaly Detection/")["Contents"]
    }
    assert "Anomaly Detection/Inference/inference.py" in keys
    assert any(key.endswith(".safetensors") for key in keys)


def test_a_failing_upload_is_an_error(clients: Clients, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("x")
    with pytest.raises(clients.s3.exceptions.NoSuchBucket):
        sync(clients.s3, "nowhere", "p/", [Upload(path, "p/x")], reporter=reporter(), title="Uploading")


def test_the_sample_is_made_once_and_whole(tmp_path: Path) -> None:
    files = sample_files(40, reporter(), tmp_path)
    assert len(files) == 40
    parts = [read(path) for path in files]
    ids = [int(number) for part in parts for number in part.object_id]
    assert sorted(ids) == list(range(1253))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    stamps = [path.stat().st_mtime_ns for path in files]
    assert [path.stat().st_mtime_ns for path in sample_files(40, reporter(), tmp_path)] == stamps


def test_every_rank_gets_a_partition_and_no_partition_is_empty() -> None:
    assert [partitions_for(world) for world in (1, 16, 17, 100, 2000)] == [16, 16, 17, 100, 1253]


def test_the_sample_is_made_by_two_commands_at_once(tmp_path: Path) -> None:
    def make(_: int) -> list[Path]:
        return sample_files(2, reporter(), tmp_path / "sample")

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(make, range(2))
    assert one == other
    assert [path.name for path in one] == ["1.pt", "2.pt"]
    assert len(list((tmp_path / "sample").iterdir())) == 1, "nothing is left beside it"
