"""The files that ranks left are brought here whole, and nowhere else than into their folder."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer
from rich.console import Console

from cosmic_fmi.experiment.execution import own_files
from cosmic_fmi.experiment.execution.own_files import Brought, bring_files
from cosmic_fmi.experiment.ui.console import Reporter

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


@pytest.fixture
def s3() -> Iterator[S3Client]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    session = boto3.Session("test", "test", region_name="us-east-1")
    client = session.client("s3", endpoint_url=f"http://{host}:{port}")
    client.create_bucket(Bucket="state")
    yield client
    client.delete_objects(
        Bucket="state",
        Delete={
            "Objects": [{"Key": one["Key"]} for one in client.list_objects_v2(Bucket="state")["Contents"]]
        },
    )
    client.close()
    server.stop()


def put(s3: S3Client, files: dict[str, bytes]) -> None:
    for name, body in files.items():
        s3.put_object(Bucket="state", Key=f"executions/x/{name}", Body=body)


def bring(s3: S3Client, folder: Path) -> tuple[Brought, str]:
    reporter = Reporter(Console(file=io.StringIO(), record=True, width=300))
    return bring_files(s3, "state", "x", folder, reporter), reporter.console.export_text()


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_every_file_is_brought_under_its_rank(s3: S3Client, tmp_path: Path) -> None:
    folder = tmp_path / "files" / "run"
    put(
        s3,
        {"files/0/a b/größe π": b"1", "files/10/empty": b"", "outcomes/0.json": b"{}", "ranks.json": b"[]"},
    )
    brought, said = bring(s3, folder)
    assert content(folder) == {"0/a b/größe π": b"1", "10/empty": b""}
    assert (brought.files, brought.bytes, brought.left_out) == (2, 1, [])
    assert f"Files: 2 files, 1 byte, in {folder}" in said


def test_a_later_attempt_s_files_replace_the_earlier_one_s(s3: S3Client, tmp_path: Path) -> None:
    put(s3, {"files/0/old": b"1", "attempts/2/files/0/new": b"2"})
    (tmp_path / "run" / "3").mkdir(parents=True)
    (tmp_path / "run" / "3" / "of another run").touch()
    bring(s3, tmp_path / "run")
    assert content(tmp_path / "run") == {"0/new": b"2"}


@pytest.mark.parametrize("name", ["0/../../out", "../0/out", "0//out", "0/a\\b", "x/out"])
def test_no_name_leads_out_of_the_folder(s3: S3Client, tmp_path: Path, name: str) -> None:
    put(s3, {"files/0/fine": b"1", f"files/{name}": b"2"})
    brought, said = bring(s3, tmp_path / "deep" / "run")
    assert content(tmp_path) == {"deep/run/0/fine": b"1"}
    assert len(brought.left_out) == 1
    assert "Not brought: " in said


def test_files_that_cannot_both_be_are_named(s3: S3Client, tmp_path: Path) -> None:
    put(s3, {"files/0/a": b"1", "files/0/a/b": b"2"})
    brought, _ = bring(s3, tmp_path / "run")
    assert (brought.files, len(brought.left_out)) == (1, 1)


def test_more_than_the_disk_holds_stays_in_s3(
    s3: S3Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, {"files/0/a": b"1"})
    monkeypatch.setattr(own_files, "_SPARE_BYTES", 10**18)
    _, said = bring(s3, tmp_path / "run")
    assert "more than this disk has room for: they stay in s3://state/executions/x/" in said
    assert not (tmp_path / "run").exists()
