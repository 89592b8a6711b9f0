"""Programs and data are uploaded once: their keys say what they hold."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer
from rich.console import Console

from cosmic_fmi.experiment.errors import SweepError
from cosmic_fmi.experiment.program import tree
from cosmic_fmi.experiment.program.data import check_space, data_files, place_in_s3, upload_data
from cosmic_fmi.experiment.program.tree import Tree
from cosmic_fmi.experiment.ui.console import Reporter

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

BUCKET = "uploads"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Client]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    session = boto3.Session("test", "test", region_name="us-east-1")
    client = session.client("s3", endpoint_url=f"http://{host}:{port}")
    client.create_bucket(Bucket=BUCKET)
    yield client
    client.close()
    server.stop()


@pytest.fixture
def reporter() -> Reporter:
    return Reporter(Console(file=io.StringIO(), width=200))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "my images"
    (made / "deep er").mkdir(parents=True)
    for name in ("1.png", "2.png", "10.png", "deep er/größe.png", "empty"):
        (made / name).write_text(name if name != "empty" else "")
    return made


def keys(s3: S3Client, prefix: str) -> set[str]:
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", [])
    return {item["Key"].removeprefix(f"{prefix}/") for item in found}


def test_a_folder_of_data_is_uploaded_once(s3: S3Client, folder: Path, reporter: Reporter) -> None:
    first = upload_data(s3, BUCKET, str(folder), reporter)
    assert first.prefix.startswith("uploads/my-images-")
    assert keys(s3, first.prefix) == {"1.png", "2.png", "10.png", "deep er/größe.png", "empty"}
    before = {item["Key"]: item["LastModified"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert upload_data(s3, BUCKET, str(folder), reporter) == first
    after = {item["Key"]: item["LastModified"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert after == before
    (folder / "2.png").write_text("5.png")
    assert upload_data(s3, BUCKET, str(folder), reporter) != first


def test_an_upload_that_was_cut_short_goes_on(s3: S3Client, folder: Path, reporter: Reporter) -> None:
    place = upload_data(s3, BUCKET, str(folder), reporter)
    s3.delete_object(Bucket=BUCKET, Key=f"{place.prefix}/10.png")
    files = Tree(data_files(str(folder)))
    assert files.upload(s3, BUCKET, place.prefix, "Uploading", reporter) == 1
    assert "10.png" in keys(s3, place.prefix)


def test_large_data_says_how_far_it_is(
    s3: S3Client, folder: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "_LARGE", 1)
    made = Tree(data_files(str(folder)))
    prefix = made.prefix("uploads", "x", reporter)
    assert Tree(data_files(str(folder))).prefix("uploads", "x", reporter) == prefix
    (folder / "1.png").write_text("changed meanwhile")
    with pytest.raises(SweepError, match=r"1.png has changed while it was uploaded: run this again"):
        made.upload(s3, BUCKET, prefix, "Uploading", reporter)


def test_a_place_in_s3() -> None:
    place = place_in_s3("s3://my-bucket/a/b/")
    assert place is not None
    assert place.payload == {"data_bucket": "my-bucket", "data_prefix": "a/b"}
    assert place_in_s3("folder") is None
    with pytest.raises(SweepError, match="give a bucket and a folder in it"):
        place_in_s3("s3://my-bucket")


def test_data_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="there is no such folder; one in S3 begins with s3://"):
        data_files(str(tmp_path / "none"))
    with pytest.raises(SweepError, match="the folder has no files"):
        data_files(str(tmp_path))
    (tmp_path / "one.csv").touch()
    assert list(data_files(str(tmp_path / "one.csv"))) == ["one.csv"]


def test_a_share_that_does_not_fit_is_refused_before_the_upload(tmp_path: Path) -> None:
    for number in range(1, 4):
        (tmp_path / str(number)).write_bytes(bytes(600_000))
    check_space(str(tmp_path), [3], 1, shared=False, limit=None)
    check_space(str(tmp_path), [1], 1, shared=False, limit=1)
    with pytest.raises(SweepError, match=r"a rank in a world of 2 would get 1 MB, .*use more ranks \(-n\)"):
        check_space(str(tmp_path), [3, 2], 1, shared=False, limit=None)
    with pytest.raises(SweepError, match="leave out --data-shared"):
        check_space(str(tmp_path), [3], 1, shared=True, limit=None)
