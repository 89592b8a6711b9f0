"""Initialize checks what only AWS can tell, deals the data out and writes the manifest."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from containers.executor import clients
from containers.executor.handlers import initialize
from containers.executor.inputs.mistakes import InputError
from tests.containers.executor.conftest import ACCOUNT_CONCURRENCY, BUCKET
from tests.containers.executor.inputs.test_payload import FOLDER, PARTITIONS, SCRIPT

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ARN = "arn:aws:states:us-east-1:123456789012:execution:world:run-7"


def start(context: SimpleNamespace, payload: dict[str, Any]) -> dict[str, Any]:
    """Call the handler as the state machine does on the embedded AWS, where a name may be missing."""
    event = {
        "input": {**payload, "bucket": payload.get("bucket") or BUCKET},
        "execution_id": None,
        "execution_arn": ARN,
        "started_at": "2026-11-21T12:00:00.500Z",
    }
    return initialize.handler(event, context)


def manifest(s3: S3Client, output: dict[str, Any]) -> list[dict[str, Any]]:
    body = s3.get_object(Bucket=output["state_bucket"], Key=output["manifest_key"])["Body"].read()
    ranks: list[dict[str, Any]] = json.loads(body)
    return ranks


@pytest.fixture
def uploaded(s3: S3Client) -> S3Client:
    """The bundles and the data of all three shapes."""
    s3.create_bucket(Bucket="data-bucket")
    for payload in (FOLDER, PARTITIONS, SCRIPT):
        s3.put_object(Bucket=BUCKET, Key=payload["script"].removeprefix("/tmp/"), Body=b"")
    s3.put_object(Bucket=BUCKET, Key=FOLDER["data_path"].removeprefix("/tmp/"), Body=b"")
    for number in range(1, 13):
        s3.put_object(Bucket="data-bucket", Key=f"100MB/{number}.pt", Body=b"")
    s3.put_object(Bucket="data-bucket", Key="100MB/", Body=b"")
    s3.put_object(Bucket="data-bucket", Key="100MB-other/1.pt", Body=b"")
    return s3


def test_folder_shape(uploaded: S3Client, context: SimpleNamespace) -> None:
    output = start(context, {**FOLDER, "bucket": BUCKET})
    assert output == {
        "execution_id": "run-7",
        "attempt": 1,
        "bucket": BUCKET,
        "data_bucket": None,
        "state_bucket": BUCKET,
        "manifest_key": "executions/run-7/ranks.json",
        "outcome_prefix": "executions/run-7/outcomes",
        "world_size": 4,
        "needs_rendezvous": True,
        "rendezvous": None,
        "result_path": "executions/run-7/results",
        "result_required": False,
        "working_ranks": 4,
        "started_at": "2026-11-21T12:00:00.500Z",
        "warnings": [],
        "request_ids": {"initialize": "request-1"},
    }
    ranks = manifest(uploaded, output)
    assert [rank["rank"] for rank in ranks] == [0, 1, 2, 3]
    assert ranks[3]["outcome_key"] == "executions/run-7/outcomes/3.json"
    assert ranks[0]["data_path"] == FOLDER["data_path"]
    assert ranks[3]["failure_key"] == "executions/run-7/failures/3.json"
    assert len({rank["fmi"]["secret"] for rank in ranks}) == 1
    assert len(bytes.fromhex(ranks[0]["fmi"]["secret"])) == 32


def test_partition_shape(uploaded: S3Client, context: SimpleNamespace) -> None:
    payload = {**PARTITIONS, "bucket": BUCKET, "data_bucket": "data-bucket", "world_size": "4"}
    output = start(context, payload)
    assert (output["result_path"], output["result_required"]) == (PARTITIONS["result_path"], True)
    shares = [rank["data_files"] for rank in manifest(uploaded, output)]
    assert [len(share) for share in shares] == [3, 3, 3, 2]
    assert [file for share in shares for file in share] == [f"100MB/{number}.pt" for number in range(1, 12)]


def test_script_shape_in_a_world_of_one_needs_no_rendezvous(
    uploaded: S3Client, context: SimpleNamespace
) -> None:
    output = start(context, {**SCRIPT, "bucket": BUCKET, "world_size": 1})
    [rank] = manifest(uploaded, output)
    assert (rank["object_type"], rank["script"]) == ("script", SCRIPT["script"])
    assert output["needs_rendezvous"] is False


@pytest.mark.usefixtures("uploaded")
def test_ranks_that_do_not_talk_need_no_rendezvous(context: SimpleNamespace) -> None:
    assert start(context, {**SCRIPT, "bucket": BUCKET, "rendezvous": "false"})["needs_rendezvous"] is False
    with pytest.raises(InputError, match='"rendezvous" is 7: give true or false'):
        start(context, {**SCRIPT, "bucket": BUCKET, "rendezvous": 7})


@pytest.mark.usefixtures("uploaded")
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"world_size": 0}, '"world_size" is 0'),
        ({"bucket": "no-such-bucket"}, "There is no bucket 'no-such-bucket': correct its name"),
        ({"script": f"/tmp/{FOLDER['S3_object_name']}/none.py"}, "There is no object"),
        (
            {"data_path": f"/tmp/{FOLDER['S3_object_name']}/none.pt"},
            'upload the data, or correct "data_path"',
        ),
        ({"data_prefix": "100"}, "There is no object below '100/' in bucket 'the-bucket'"),
        ({"data_bucket": "nowhere", "data_prefix": "1"}, "There is no bucket 'nowhere'"),
        ({"bucket": "my bucket"}, "'my bucket' cannot be the name of a bucket: give one of letters"),
        (
            {"data_prefix": "scripts/", "result_path": "scripts/results"},
            '"result_path" is \'scripts/results\', inside "data_prefix": give another one',
        ),
        ({"world_size": ACCOUNT_CONCURRENCY + 1}, "the account allows 10 functions at a time: lower it"),
    ],
)
def test_mistakes(context: SimpleNamespace, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        start(context, {**FOLDER, "bucket": BUCKET, **changes})
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_limit_beyond_all_files_takes_all(uploaded: S3Client, context: SimpleNamespace) -> None:
    payload = {**PARTITIONS, "bucket": BUCKET, "data_bucket": "data-bucket", "world_size": 1}
    [rank] = manifest(uploaded, start(context, {**payload, "file_limit": "9" * 22}))
    assert len(rank["data_files"]) == 12


def test_more_file_names_than_a_rank_can_be_passed_are_refused(
    uploaded: S3Client, context: SimpleNamespace
) -> None:
    folder = "/".join(["n" * 90] * 10)
    for number in range(300):
        uploaded.put_object(Bucket="data-bucket", Key=f"{folder}/{number}.pt", Body=b"")
    payload = {**FOLDER, "bucket": BUCKET, "data_bucket": "data-bucket", "data_prefix": folder}
    with pytest.raises(InputError, match=r'^A rank would get 300 data files.* raise "world_size"'):
        start(context, {**payload, "world_size": 1})
    for item in manifest(uploaded, start(context, {**payload, "world_size": 2})):
        assert len(json.dumps(item)) < 256 * 1024


@pytest.mark.usefixtures("uploaded")
def test_reserved_concurrency_is_a_limit_too(
    context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXECUTE_RESERVED_CONCURRENCY", "3")
    with pytest.raises(InputError, match="limited to 3 at a time"):
        start(context, {**FOLDER, "bucket": BUCKET})


@pytest.mark.usefixtures("uploaded")
def test_a_bucket_that_may_not_be_read_is_named(
    context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "ListObjectsV2")

    monkeypatch.setattr(clients.s3(), "list_objects_v2", denied)
    with pytest.raises(InputError, match="Terraform variable extra_buckets"):
        start(context, {**FOLDER, "bucket": BUCKET})


@pytest.mark.usefixtures("uploaded")
def test_data_elsewhere_below_tmp_is_the_scripts_own_business(context: SimpleNamespace) -> None:
    payload = {**FOLDER, "bucket": BUCKET, "world_size": 1, "data_path": "/tmp/made-by-the-script.pt"}
    assert start(context, payload)["world_size"] == 1


def versions(s3: S3Client, context: SimpleNamespace) -> list[str | None]:
    payload = {**PARTITIONS, "bucket": BUCKET, "data_bucket": "data-bucket", "world_size": 13}
    return [rank["data_version"] for rank in manifest(s3, start(context, payload))]


def test_a_share_has_the_version_of_its_contents(
    uploaded: S3Client, context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXECUTE_RESERVED_CONCURRENCY", "13")
    before = versions(uploaded, context)
    assert before[11:] == [None, None]
    assert len(set(before)) == 12
    assert before == versions(uploaded, context)
    uploaded.put_object(Bucket="data-bucket", Key="100MB/2.pt", Body=b"changed")
    after = versions(uploaded, context)
    assert [rank for rank in range(13) if before[rank] != after[rank]] == [1]


def test_only_what_an_unfinished_execution_left_is_used_again(
    uploaded: S3Client, context: SimpleNamespace
) -> None:
    payload = {**PARTITIONS, "bucket": BUCKET, "data_bucket": "data-bucket", "world_size": 4}
    path = PARTITIONS["result_path"]

    def stored() -> list[bool]:
        return [rank["stored_result"] for rank in manifest(uploaded, start(context, payload))]

    assert stored() == [False] * 4
    for name in ("1.parquet", "3.parquet", "2.json", "predictions.parquet"):
        uploaded.put_object(Bucket=BUCKET, Key=f"{path}/{name}", Body=b"")
    assert stored() == [False, True, False, True]
    uploaded.put_object(Bucket=BUCKET, Key=f"{path}/combined_data.json", Body=b"[]")
    assert stored() == [False] * 4, "a finished execution is run again in full"


def test_another_attempt_is_another_world(uploaded: S3Client, context: SimpleNamespace) -> None:
    event = {"input": {**FOLDER, "bucket": BUCKET}, "execution_id": "run-7", "started_at": "t"}
    first, second = (initialize.handler({**event, "attempt": attempt}, context) for attempt in (1, 2))
    assert second["manifest_key"] == "executions/run-7/attempts/2/ranks.json"
    one, two = (manifest(uploaded, output)[0] for output in (first, second))
    assert one["fmi"]["comm_name"] != two["fmi"]["comm_name"]
    assert one["fmi"]["secret"] != two["fmi"]["secret"]
    assert two["outcome_key"] == "executions/run-7/attempts/2/outcomes/0.json"
    assert one["result_path"] == two["result_path"] == "executions/run-7/results"


@pytest.mark.usefixtures("uploaded")
def test_without_a_rendezvous_server_only_worlds_that_do_not_need_it_start(
    context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_RENDEZVOUS", "1")
    payload = {**FOLDER, "bucket": BUCKET}
    with pytest.raises(InputError, match=r"has no rendezvous server.*rendezvous_mode"):
        start(context, payload)
    assert start(context, {**payload, "world_size": "1"})["needs_rendezvous"] is False
    assert start(context, {**payload, "rendezvous": False})["needs_rendezvous"] is False


def test_data_is_dealt_out_for_download_and_the_course_s_payload_left_alone(
    uploaded: S3Client, context: SimpleNamespace
) -> None:
    payload = {
        **SCRIPT,
        "bucket": BUCKET,
        "data_bucket": "data-bucket",
        "data_prefix": "100MB",
        "data_download": "dealt",
    }
    output = start(context, payload)
    ranks = manifest(uploaded, output)
    assert sum(len(rank["data_files"]) for rank in ranks) == 12
    assert {rank["data_download"] for rank in ranks} == {"dealt"}
    assert [rank["files_prefix"] for rank in ranks][:1] == ["executions/run-7/files/0/"]
    found = uploaded.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert not [entry for entry in found if entry["Key"].endswith("payload.json")]


def test_shared_data_is_not_listed_once_a_rank(uploaded: S3Client, context: SimpleNamespace) -> None:
    payload = {
        **SCRIPT,
        "bucket": BUCKET,
        "data_bucket": "data-bucket",
        "data_prefix": "100MB",
        "data_download": "shared",
    }
    output = start(context, payload)
    assert [rank["data_files"] for rank in manifest(uploaded, output)] == [[]] * int(SCRIPT["world_size"])
    assert output["working_ranks"] == int(SCRIPT["world_size"])


@pytest.mark.parametrize(("download", "advice"), [("dealt", 'raise "world_size"'), ("shared", "deal the")])
def test_data_that_does_not_fit_into_tmp_is_refused(
    uploaded: S3Client,
    context: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    download: str,
    advice: str,
) -> None:
    monkeypatch.setenv("EXECUTE_EPHEMERAL_STORAGE_MB", "1")
    for number in (1, 2):
        uploaded.put_object(Bucket=BUCKET, Key=f"data/x/{number}", Body=bytes(900_000))
    place = {"data_prefix": "data/x", "data_download": download, "world_size": 1}
    with pytest.raises(InputError, match=r"A rank would get 2 MB of data, and has 1 MB of /tmp") as error:
        start(context, {**SCRIPT, "bucket": BUCKET, **place})
    assert advice in str(error.value)
