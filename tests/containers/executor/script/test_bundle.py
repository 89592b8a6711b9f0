"""The bundle arrives below /tmp with its layout, and only what changed is downloaded again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from containers.executor import clients
from containers.executor.script import bundle
from containers.executor.script.bundle import BundleError
from tests.containers.executor.conftest import BUCKET
from tests.support.breaking_s3 import breaking_s3

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

FOLDER = "scripts/Anomaly Detection"


@pytest.fixture
def uploaded(s3: S3Client) -> S3Client:
    s3.put_object(Bucket=BUCKET, Key=f"{FOLDER}/", Body=b"")
    s3.put_object(Bucket=BUCKET, Key=f"{FOLDER}/Inference/main é.py", Body=b"print(1)")
    s3.put_object(Bucket=BUCKET, Key=f"{FOLDER}/model.bin", Body=b"x" * 1000)
    s3.put_object(Bucket=BUCKET, Key=f"{FOLDER} 2/other.py", Body=b"not part of it")
    return s3


@pytest.mark.usefixtures("uploaded")
def test_folder_keeps_its_key_layout(tmp_path: Path) -> None:
    download = bundle.download(BUCKET, "folder", FOLDER)
    assert download.root == tmp_path / FOLDER
    assert (tmp_path / FOLDER / "Inference" / "main é.py").read_text() == "print(1)"
    assert (tmp_path / FOLDER / "model.bin").stat().st_size == 1000
    assert not (tmp_path / f"{FOLDER} 2").exists()
    assert (download.objects_downloaded, download.objects_cached, download.bytes) == (2, 0, 1008)
    assert download.seconds > 0


@pytest.mark.usefixtures("uploaded")
def test_single_object(tmp_path: Path) -> None:
    download = bundle.download(BUCKET, "script", f"{FOLDER}/model.bin")
    assert download.root == tmp_path / FOLDER / "model.bin"
    assert download.objects_downloaded == 1
    assert bundle.download(BUCKET, "script", f"{FOLDER}/model.bin").objects_cached == 1


def test_only_changed_objects_are_downloaded_again(uploaded: S3Client, tmp_path: Path) -> None:
    bundle.download(BUCKET, "folder", FOLDER)
    uploaded.put_object(Bucket=BUCKET, Key=f"{FOLDER}/model.bin", Body=b"y" * 1000)
    again = bundle.download(BUCKET, "folder", FOLDER)
    assert (again.objects_downloaded, again.objects_cached, again.bytes) == (1, 1, 1000)
    assert (tmp_path / FOLDER / "model.bin").read_bytes() == b"y" * 1000


@pytest.mark.usefixtures("uploaded")
def test_a_file_that_the_script_changed_is_downloaded_again(tmp_path: Path) -> None:
    bundle.download(BUCKET, "folder", FOLDER)
    (tmp_path / FOLDER / "model.bin").write_bytes(b"overwritten")
    assert bundle.download(BUCKET, "folder", FOLDER).objects_downloaded == 1
    (tmp_path / FOLDER / "model.bin").unlink()
    assert bundle.download(BUCKET, "folder", FOLDER).objects_downloaded == 1


def test_what_left_the_bundle_leaves_the_disk(uploaded: S3Client, tmp_path: Path) -> None:
    bundle.download(BUCKET, "folder", FOLDER)
    (tmp_path / FOLDER / "made by the script").touch()
    uploaded.delete_object(Bucket=BUCKET, Key=f"{FOLDER}/model.bin")
    bundle.download(BUCKET, "folder", FOLDER)
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == ["Inference", "made by the script"]


def test_listing_is_paginated(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for number in range(10):
        s3.put_object(Bucket=BUCKET, Key=f"many/{number}", Body=b"")
    assert bundle.download(BUCKET, "folder", "many").objects_downloaded == 10


def test_keys_that_climb_out_are_refused(s3: S3Client, tmp_path: Path) -> None:
    s3.put_object(Bucket=BUCKET, Key="evil/../../escaped.py", Body=b"")
    with pytest.raises(BundleError, match="outside /tmp"):
        bundle.download(BUCKET, "folder", "evil")
    assert not (tmp_path.parent / "escaped.py").exists()


@pytest.mark.usefixtures("s3")
def test_missing_objects_are_named() -> None:
    with pytest.raises(BundleError, match='no object below "nothing/" in bucket'):
        bundle.download(BUCKET, "folder", "nothing")
    with pytest.raises(BundleError, match=r"no object 'nothing\.py' in bucket"):
        bundle.download(BUCKET, "script", "nothing.py")


def test_a_bundle_takes_the_room_of_another_one(
    uploaded: S3Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uploaded.put_object(Bucket=BUCKET, Key="other/model.bin", Body=b"z" * 1000)
    bundle.download(BUCKET, "folder", FOLDER)
    fetch = uploaded.download_file

    def small_disk(*arguments: Any, **options: Any) -> None:  # noqa: ANN401
        if (tmp_path / FOLDER / "model.bin").exists():
            raise OSError(28, "No space left on device")
        fetch(*arguments, **options)

    monkeypatch.setattr(uploaded, "download_file", small_disk)
    assert bundle.download(BUCKET, "folder", "other").objects_downloaded == 1
    assert (tmp_path / "other" / "model.bin").stat().st_size == 1000
    (tmp_path / "other" / "made by the script").touch()
    assert bundle.download(BUCKET, "folder", FOLDER).objects_downloaded == 2
    assert (tmp_path / "other" / "made by the script").exists()


def test_a_full_disk_says_which_variable_to_raise(
    uploaded: S3Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uploaded, "download_file", full)
    with pytest.raises(BundleError, match="executor_ephemeral_storage_mb"):
        bundle.download(BUCKET, "folder", FOLDER)
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.usefixtures("aws")
def test_a_connection_that_always_breaks_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with breaking_s3(b"print(1)" * 1000) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        clients.forget()
        try:
            server.breaks = 1
            assert bundle.download(BUCKET, "file", "a.py").objects_downloaded == 1
            server.breaks = 1000
            with pytest.raises(BundleError, match=r"broke again and again in the middle of 'b\.py'"):
                bundle.download(BUCKET, "file", "b.py")
        finally:
            clients.forget()


def test_an_object_that_is_called_partial_is_one_of_the_bundle(s3: S3Client, tmp_path: Path) -> None:
    bodies = {name: name.encode() * 1000 for name in ("x", "x.partial", "x.partial.partial")}
    for name, body in bodies.items():
        s3.put_object(Bucket=BUCKET, Key=f"{FOLDER}/{name}", Body=body)
    for _ in range(5):
        bundle.forget_all()
        bundle.download(BUCKET, "folder", FOLDER)
        found = {path.name: path.read_bytes() for path in (tmp_path / FOLDER).iterdir()}
        assert found == bodies


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (["a/b", "a//b"], "are the same file"),
        (["a/b", "a/./b"], "are the same file"),
        (["a", "a/b"], "would have to be a file and the folder of"),
        (["a", "a/b/c"], "would have to be a file and the folder of"),
    ],
)
def test_objects_that_cannot_both_be_files_are_named(s3: S3Client, keys: list[str], sentence: str) -> None:
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=f"{FOLDER}/{key}", Body=key.encode())
    with pytest.raises(BundleError, match=sentence) as caught:
        bundle.download(BUCKET, "folder", FOLDER)
    assert str(caught.value).count(FOLDER) == 2
