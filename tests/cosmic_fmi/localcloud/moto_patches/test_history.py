"""An execution that goes round for ever ends where its history does."""

import json
import time
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField

from cosmic_fmi.localcloud.moto_patches import history

ROUND = {
    "StartAt": "A",
    "States": {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.no", "IsPresent": True, "Next": "C"}],
            "Default": "A",
        },
        "C": {"Type": "Succeed"},
    },
}


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield


@pytest.mark.usefixtures("aws")
def test_too_many_events_end_an_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CommonStateField, "_eval_body", CommonStateField._eval_body)  # as it was, afterwards
    history.install(100)
    client = boto3.client("stepfunctions", region_name="us-east-1")
    arn = client.create_state_machine(
        name="round", definition=json.dumps(ROUND), roleArn="arn:aws:iam::123456789012:role/world"
    )["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=arn, input="{}")["executionArn"]
    deadline = time.monotonic() + 60
    while (ended := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    assert ended["cause"] == "The execution reached the maximum number of history events (100)."
