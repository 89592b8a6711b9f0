"""The course's data-parallel scripts find what they have to do in the bucket's payload.json."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from containers.executor import outcomes
from containers.executor.deal import course_form
from containers.executor.handlers import execute
from containers.executor.inputs import course_payload
from cosmic_fmi.common.contract.keys import COURSE_PAYLOAD
from tests.containers.executor.conftest import ATTEMPT, BUCKET
from tests.containers.executor.handlers.test_initialize import manifest, start
from tests.containers.executor.inputs.test_payload import PARTITIONS

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

BUNDLE = "Anomaly Detection/Inference/inference.py"
INPUT = {**PARTITIONS, "bucket": BUCKET, "data_bucket": "data-bucket", "file_limit": "3", "rendezvous": False}

# The calls that the course's scripts make, in a few lines of our own.
SCRIPT = f"""
import boto3, json, os, sys
client = boto3.client("s3")
config = json.loads(client.get_object(Bucket="{BUCKET}", Key="payload.json")["Body"].read().decode("utf-8"))
rank = int(os.environ["RANK"])
files = config["data_map"][str(rank)]
if files is None:
    sys.exit(0)
sizes = [
    len(client.get_object(Bucket=config["data_bucket"], Key=file)["Body"].read())
    for file in (files if type(files) == list else [files])
]
print(int(config["batch_size"]), sizes, os.environ["DATA_PATH"])
client.put_object(
    Bucket=config["data_bucket"], Key=f"{{config['result_path']}}/{{rank}}.json", Body=json.dumps(sizes)
)
"""


@pytest.fixture
def uploaded(s3: S3Client) -> S3Client:
    s3.create_bucket(Bucket="data-bucket")
    s3.put_object(Bucket=BUCKET, Key=BUNDLE, Body=SCRIPT.encode())
    for number in range(1, 4):
        s3.put_object(Bucket="data-bucket", Key=f"100MB/{number}.pt", Body=b"x" * number)
    return s3


def read(s3: S3Client, key: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    return content


def test_it_is_the_input_as_typed_with_the_files_of_each_rank(
    uploaded: S3Client, context: SimpleNamespace
) -> None:
    start(context, {**INPUT, "world_size": "2", "environment": {"TOKEN": "secret"}})
    written = read(uploaded, COURSE_PAYLOAD)
    assert {key: written[key] for key in INPUT} == INPUT
    assert written["data_map"] == {"0": ["100MB/1.pt", "100MB/2.pt"], "1": "100MB/3.pt"}
    assert "secret" not in json.dumps(written)
    assert read(uploaded, "executions/run-7/payload.json") == written


def test_keys_that_the_input_leaves_out_are_there(uploaded: S3Client, context: SimpleNamespace) -> None:
    uploaded.put_object(Bucket=BUCKET, Key="100MB/1.pt", Body=b"")
    left_out = ("data_bucket", "result_path")
    start(context, {key: value for key, value in INPUT.items() if key not in left_out})
    written = read(uploaded, COURSE_PAYLOAD)
    assert (written["data_bucket"], written["result_path"]) == (BUCKET, "executions/run-7/results")


def test_without_partitions_there_is_none(uploaded: S3Client, context: SimpleNamespace) -> None:
    names = ("bucket", "S3_object_name", "script", "result_path")
    [rank] = manifest(uploaded, start(context, {name: INPUT[name] for name in names} | {"world_size": 1}))
    assert rank["payload_key"] is None
    keys = [entry["Key"] for entry in uploaded.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert not [key for key in keys if key.endswith(COURSE_PAYLOAD)]


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_a_script_of_the_courses_kind_runs_on_every_rank(
    uploaded: S3Client, context: SimpleNamespace, world_size: int
) -> None:
    output = start(context, {**INPUT, "world_size": world_size})
    sizes: list[int] = []
    for item in manifest(uploaded, output):
        assert execute.handler({"item": item, "rendezvous": None}, context)["status"] == "succeeded"
        key = f"{INPUT['result_path']}/{item['rank']}.json"
        if item["rank"] < output["working_ranks"]:
            sizes += json.loads(uploaded.get_object(Bucket="data-bucket", Key=key)["Body"].read())
            value = course_form(item["data_files"])
            text = value if isinstance(value, str) else json.dumps(value)
            assert outcomes.read(BUCKET, ATTEMPT, item["rank"]).output_tail[0].endswith(f" {text}")
    assert sizes == [1, 2, 3]
    assert output["working_ranks"] == min(3, world_size)


def test_a_script_can_read_its_own_executions(uploaded: S3Client, context: SimpleNamespace) -> None:
    [item] = manifest(uploaded, start(context, {**INPUT, "world_size": 1}))
    source = (
        "import boto3, json, os\n"
        "place = {'Bucket': os.environ['PAYLOAD_BUCKET'], 'Key': os.environ['PAYLOAD_KEY']}\n"
        "print(json.loads(boto3.client('s3').get_object(**place)['Body'].read())['execution_id'])"
    )
    uploaded.put_object(Bucket=BUCKET, Key=BUNDLE, Body=source.encode())
    uploaded.put_object(Bucket=BUCKET, Key=COURSE_PAYLOAD, Body=b'{"execution_id": "run-8"}')
    execute.handler({"item": item, "rendezvous": None}, context)
    assert outcomes.read(BUCKET, ATTEMPT, 0).output_tail == ["run-7"]


def test_another_execution_that_may_still_need_it_is_named(
    uploaded: S3Client, context: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    other = {"execution_id": "run-6", "bucket": BUCKET, "result_path": "results of 6"}
    uploaded.put_object(Bucket=BUCKET, Key=COURSE_PAYLOAD, Body=json.dumps(other))
    [warning] = start(context, INPUT)["warnings"]
    assert warning.startswith(
        f"Execution run-6 wrote payload.json to bucket {BUCKET} less than 15 minutes ago"
    )
    assert warning in caplog.messages
    assert start(context, INPUT)["warnings"] == [], "it is its own now"


def test_one_that_has_finished_needs_it_no_more(uploaded: S3Client, context: SimpleNamespace) -> None:
    other = {"execution_id": "run-6", "bucket": BUCKET, "result_path": "results of 6"}
    uploaded.put_object(Bucket=BUCKET, Key=COURSE_PAYLOAD, Body=json.dumps(other))
    uploaded.put_object(Bucket=BUCKET, Key="results of 6/combined_data.json", Body=b"[]")
    assert start(context, INPUT)["warnings"] == []


@pytest.mark.parametrize("body", [b"not JSON", b"[]", b'{"data_map": {}}'])
def test_what_somebody_else_wrote_there_is_replaced(
    uploaded: S3Client, context: SimpleNamespace, body: bytes
) -> None:
    uploaded.put_object(Bucket=BUCKET, Key=COURSE_PAYLOAD, Body=body)
    assert start(context, INPUT)["warnings"] == []
    assert read(uploaded, COURSE_PAYLOAD)["execution_id"] == "run-7"


@pytest.mark.usefixtures("uploaded")
def test_a_bucket_that_takes_none_is_a_warning() -> None:
    [warning] = course_payload.write({"execution_id": "run-7"}, "no-such-bucket", BUCKET)
    assert warning.startswith("payload.json cannot be written to bucket no-such-bucket (")


def test_the_courses_form_of_files() -> None:
    assert [course_form(files) for files in ([], ["a"], ["a", "b"])] == [None, "a", ["a", "b"]]
