"""What a script leaves in OUTPUT_PATH: kept whole, whatever it is and however the script ends."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError

from containers.executor.handlers import execute
from containers.executor.handlers.execute import ScriptError
from containers.executor.script import own_files
from containers.executor.script.own_files import OwnFiles
from tests.containers.executor.conftest import BUCKET
from tests.containers.executor.handlers.test_execute import event, outcome, upload

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PREFIX = "executions/run-7/files/0/"
OUTPUT = "import os, pathlib\nout = pathlib.Path(os.environ['OUTPUT_PATH'])\n"


def kept(s3: S3Client) -> dict[str, bytes]:
    """What is below the rank's prefix, by name."""
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX).get("Contents", [])
    return {
        entry["Key"].removeprefix(PREFIX): s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
        for entry in found
    }


def test_every_kind_of_file_is_kept(s3: S3Client, context: SimpleNamespace) -> None:
    upload(
        s3,
        OUTPUT
        + "(out / 'a b').mkdir()\n(out / 'a b' / 'größe π.bin').write_bytes(bytes(3))\n"
        + "(out / 'empty').touch()\n(out / 'x.parquet').write_text('no Parquet')\n"
        + "print(sorted(os.listdir(out)))\n",
    )
    execute.handler(event(files_prefix=PREFIX), context)
    assert kept(s3) == {"a b/größe π.bin": bytes(3), "empty": b"", "x.parquet": b"no Parquet"}
    assert outcome().output_tail == ["['a b', 'empty', 'x.parquet']"]
    assert (outcome().output_files, outcome().output_bytes) == (3, 13)


def test_a_large_file_goes_in_parts(s3: S3Client, context: SimpleNamespace) -> None:
    upload(s3, OUTPUT + "(out / 'large').write_bytes(bytes(40 * 2**20))\n")
    execute.handler(event(files_prefix=PREFIX), context)
    head = s3.head_object(Bucket=BUCKET, Key=f"{PREFIX}large")
    assert head["ContentLength"] == 40 * 2**20
    assert head["ETag"].strip('"').endswith("-3")


def test_a_script_that_fails_keeps_its_files_and_the_next_one_starts_empty(
    s3: S3Client, context: SimpleNamespace
) -> None:
    upload(s3, OUTPUT + "(out / 'until here').write_text('7')\nraise ValueError('no')\n")
    with pytest.raises(ScriptError):
        execute.handler(event(files_prefix=PREFIX), context)
    assert kept(s3) == {"until here": b"7"}
    upload(s3, OUTPUT + "print(os.listdir(out))\n")
    execute.handler(event(files_prefix="executions/run-8/files/0/"), context)
    assert outcome().output_tail == ["[]"]


def test_what_is_no_plain_file_is_named(s3: S3Client, context: SimpleNamespace) -> None:
    upload(
        s3, OUTPUT + "(out / 'link').symlink_to('/etc')\n(out / 'deep').mkdir()\nos.mkfifo(out / 'pipe')\n"
    )
    execute.handler(event(files_prefix=PREFIX), context)
    assert kept(s3) == {}
    assert outcome().output_left_out == ["link: it is no plain file", "pipe: it is no plain file"]
    assert outcome().status == "succeeded"


def test_more_files_than_the_limit_are_named(
    s3: S3Client, context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_files, "MOST_FILES", 2)
    monkeypatch.setattr(own_files, "MOST_NAMED", 1)
    upload(s3, OUTPUT + "[(out / str(i)).touch() for i in range(5)]\n")
    execute.handler(event(files_prefix=PREFIX), context)
    assert set(kept(s3)) == {"0", "1"}
    assert outcome().output_left_out == ["2: it is one more than 2 files", "and 2 more"]


def test_a_rank_whose_files_cannot_be_kept_has_not_succeeded(s3: S3Client, context: SimpleNamespace) -> None:
    def away(params: dict[str, Any], **_: object) -> None:
        if "/files/" in params["url"]:
            raise EndpointConnectionError(endpoint_url=params["url"])

    s3.meta.events.register("before-call.s3.PutObject", away)
    upload(s3, OUTPUT + "(out / 'x').touch()\n")
    with pytest.raises(
        ScriptError, match=r"OutputLost: 1 files in OUTPUT_PATH could not be uploaded: x: Could"
    ):
        execute.handler(event(files_prefix=PREFIX), context)
    assert (outcome().status, outcome().output_files) == ("failed", 0)


def test_result_json_is_the_rank_s_result_where_it_fits(s3: S3Client, context: SimpleNamespace) -> None:
    upload(s3, OUTPUT + "(out / 'result.json').write_text('{\"pi\": 3.1}')\n")
    execute.handler(event(files_prefix=PREFIX), context)
    assert json.loads(s3.get_object(Bucket=BUCKET, Key="executions/run-7/results/0.json")["Body"].read()) == {
        "pi": 3.1
    }
    upload(s3, OUTPUT + "(out / 'result.json').write_text('[3.1]')\n")
    execute.handler(event(files_prefix=PREFIX), context)
    assert outcome().output_left_out == [
        "result.json is kept as a file, and is no result: it is not a JSON object"
    ]


def test_files_are_kept_before_the_function_s_time_is_up(s3: S3Client, tmp_path: Path) -> None:
    files = OwnFiles(BUCKET, PREFIX)
    assert files.folder.is_relative_to(tmp_path)
    (files.folder / "so far").write_text("7")
    waiter = s3.get_waiter("object_exists")
    with files.before_time_is_up(0.5):
        waiter.wait(Bucket=BUCKET, Key=f"{PREFIX}so far", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert kept(s3) == {"so far": b"7"}
    (files.folder / "so far").write_text("78")
    assert files.upload().files == 1
    assert kept(s3) == {"so far": b"78"}
