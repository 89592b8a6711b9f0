"""Lambda and S3 while a fault is on, as boto3 sees them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import Function, Json, client, wait_for


@pytest.fixture
def faulty(cloud: EmbeddedAWS) -> Iterator[EmbeddedAWS]:
    """The embedded AWS of all tests, without faults afterwards."""
    yield cloud
    cloud.clear_faults()


def refusal(function: Function) -> Json:
    """The error that an invocation is refused with."""
    with pytest.raises(ClientError) as caught:
        function.invoke()
    return caught.value.response


def state(function: Function) -> Json:
    return client(function.cloud, "lambda").get_function_configuration(FunctionName=function.name)


def test_a_function_that_was_idle_for_weeks_wakes_up_when_it_is_invoked(
    faulty: EmbeddedAWS, deploy: Callable[..., Function]
) -> None:
    function = deploy("basic.echo")
    faulty.set_faults(inactive=0.5)
    found = state(function)
    assert (found["State"], found["StateReasonCode"]) == ("Inactive", "Idle")
    error = refusal(function)
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert error["Error"]["Code"] == "CodeArtifactUserPendingException"
    assert state(function)["State"] in ("Pending", "Active")
    wait_for(lambda: state(function)["State"] == "Active", "waking up")
    assert function.invoke({"a": 1}).payload["event"] == {"a": 1}
    assert deploy("basic.echo").invoke().error is None  # made since


def test_a_function_is_pending_after_an_update_and_takes_no_other(
    faulty: EmbeddedAWS, deploy: Callable[..., Function]
) -> None:
    function = deploy("basic.echo")
    functions = client(faulty, "lambda")
    faulty.set_faults(pending=600)
    assert (state(function)["State"], state(function)["StateReasonCode"]) == ("Pending", "Creating")
    faulty.clear_faults()
    functions.update_function_configuration(FunctionName=function.name, MemorySize=512)
    faulty.set_faults(pending=600)
    assert state(function)["LastUpdateStatus"] == "InProgress"
    assert refusal(function)["Error"]["Code"] == "ResourceConflictException"
    with pytest.raises(ClientError, match="An update is in progress for resource: arn:aws:lambda:"):
        functions.update_function_configuration(FunctionName=function.name, MemorySize=256)
    faulty.clear_faults()
    assert function.invoke().error is None


def test_lambda_throttles(faulty: EmbeddedAWS, deploy: Callable[..., Function]) -> None:
    function = deploy("basic.echo")
    faulty.set_faults(lambda_throttle=1)
    error = refusal(function)
    assert error["Error"]["Code"] == "TooManyRequestsException"
    assert error["Reason"] == "CallerRateLimitExceeded"


def test_an_asynchronous_call_outlasts_throttles_and_an_idle_function(
    faulty: EmbeddedAWS, deploy: Callable[..., Function], shared: Path
) -> None:
    """As on AWS, where it is tried for six hours; a failure of the code has two more tries only."""
    record = shared / "events"
    function = deploy("basic.record", Environment={"Variables": {"RECORD": str(record)}})
    faulty.set_faults(inactive=2)
    client(faulty, "lambda").invoke(
        FunctionName=function.name, Payload=json.dumps({"late": True}), InvocationType="Event"
    )
    wait_for(record.exists, "the event")
    assert [json.loads(line) for line in record.read_text().splitlines()] == [{"late": True}]


def test_s3_slows_down_and_clients_try_again(faulty: EmbeddedAWS) -> None:
    once = client(faulty, "s3")
    once.create_bucket(Bucket="slow")
    patient = boto3.client(
        "s3",
        endpoint_url=faulty.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=faulty.environment()["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 12, "mode": "standard"}),
    )
    faulty.set_faults(s3_slowdown=1)
    with pytest.raises(ClientError, match=r"SlowDown.*Please reduce your request rate"):
        once.put_object(Bucket="slow", Key="a", Body=b"x" * 100_000)
    faulty.set_faults(s3_slowdown=0.3)
    patient.put_object(Bucket="slow", Key="a", Body=b"x" * 100_000)
    assert len(patient.get_object(Bucket="slow", Key="a")["Body"].read()) == 100_000


def test_what_there_is_not_is_refused(faulty: EmbeddedAWS) -> None:
    with pytest.raises(ValueError, match="no such fault: 'rain'"):
        faulty.set_faults(rain=1)
    with pytest.raises(ValueError, match="no such fault: 'rain'"):
        faulty.clear_faults("rain")
