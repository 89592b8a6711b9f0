"""A rank's data files are in one folder, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from containers.executor.handlers import execute
from containers.executor.handlers.execute import ScriptError
from containers.executor.script import data
from tests.containers.executor.conftest import BUCKET
from tests.containers.executor.handlers.test_execute import event, outcome, upload

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SHOW = """
import json, os, pathlib
root = pathlib.Path(os.environ["DATA_PATH"])
print(json.dumps({str(p.relative_to(root)): p.read_text() for p in sorted(root.rglob("*")) if p.is_file()}))
print(os.environ.get("DATA_FILES") or "in " + os.environ["DATA_FILES_PATH"])
(root / "scratch").write_text("left behind")
"""
PLACE = {"data_bucket": BUCKET, "data_prefix": "data/x"}


@pytest.fixture
def files(s3: S3Client) -> list[str]:
    """Three data files; the program that shows what it finds of them is in the bucket, too."""
    upload(s3, SHOW)
    keys = ["data/x/1.csv", "data/x/2.csv", "data/x/a b/10.csv"]
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=key[-6:].encode())
    return keys


def test_each_rank_finds_its_share(files: list[str], context: SimpleNamespace) -> None:
    execute.handler(event(**PLACE, data_download="dealt", data_files=files[1:]), context)
    found, keys = outcome().output_tail
    assert json.loads(found) == {"2.csv": "/2.csv", "a b/10.csv": "10.csv"}
    assert json.loads(keys) == files[1:]
    assert outcome().download_bytes == len(SHOW) + 12


def test_a_warm_environment_keeps_what_it_has_and_nothing_else(
    files: list[str], context: SimpleNamespace
) -> None:
    execute.handler(event(**PLACE, data_download="dealt", data_files=files[1:]), context)
    execute.handler(event(**PLACE, data_download="dealt", data_files=files[:2]), context)
    assert json.loads(outcome().output_tail[0]) == {"1.csv": "/1.csv", "2.csv": "/2.csv"}
    assert outcome().download_bytes == 6


def test_shared_files_are_all_there_on_every_rank(
    files: list[str], context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(data, "MOST_VARIABLE_BYTES", 10)
    execute.handler(event(**PLACE, data_download="shared"), context)
    assert set(json.loads(outcome().output_tail[0])) == {"1.csv", "2.csv", "a b/10.csv"}
    assert outcome().output_tail[1] == f"in {tmp_path / 'data_files.json'}"
    assert json.loads((tmp_path / "data_files.json").read_text()) == files


def test_a_rank_without_a_file_has_an_empty_folder(files: list[str], context: SimpleNamespace) -> None:
    assert files
    execute.handler(event(**PLACE, data_download="dealt"), context)
    assert outcome().output_tail == ["{}", "[]"]


def test_a_file_that_is_gone_is_named(s3: S3Client, files: list[str], context: SimpleNamespace) -> None:
    s3.delete_object(Bucket=BUCKET, Key=files[0])
    with pytest.raises(ScriptError, match=r"The data file 'data/x/1.csv' was removed from bucket"):
        execute.handler(event(**PLACE, data_download="dealt", data_files=files), context)
