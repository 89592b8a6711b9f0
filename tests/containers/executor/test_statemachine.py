"""statemachine.asl.json in moto's interpreter, with the real handlers behind lambda:invoke."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

from containers.executor import clients, initialize, summarize
from tests.containers.executor.conftest import BUCKET

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_stepfunctions import SFNClient
    from types_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef

ROOT = Path(__file__).parents[3]
Handler = Callable[[Mapping[str, Any], Any], Any]


def definition() -> str:
    """The template as Terraform fills it in."""
    text = (ROOT / "statemachine.asl.json").read_text()
    functions = ("initialize", "find_rendezvous", "execute", "summarize")
    values = {"bucket": BUCKET, "rendezvous_attempts": "3"} | {f"{name}_arn": name for name in functions}
    values |= {f"{name}_timeout_s": "20" for name in (*functions, "total")}
    for name, value in values.items():
        text = text.replace("${" + name + "}", value)
    return text


class Machine:
    """The state machine, and the functions it calls by name."""

    def __init__(self) -> None:
        self.client: SFNClient = boto3.client("stepfunctions")
        self.functions: dict[str, Handler] = {
            "initialize": initialize.handler,
            # Tests that look at it put the real one here; the others need no rendezvous server.
            "find_rendezvous": lambda *_: {"host": "127.0.0.1", "port": 1},
            "execute": _succeed,
            "summarize": summarize.handler,
        }
        self.calls: list[str] = []
        self.arn = self.client.create_state_machine(
            name="world", definition=definition(), roleArn="arn:aws:iam::123456789012:role/world"
        )["stateMachineArn"]

    def invoke(self, env: SimpleNamespace, parameters: dict[str, Any], **_: object) -> None:
        """Stands in for lambda:invoke: an exception becomes a function error as Lambda words it."""
        name = parameters["FunctionName"]
        self.calls.append(name)
        try:
            payload = self.functions[name](
                json.loads(parameters["Payload"]), SimpleNamespace(aws_request_id=name)
            )
        except ClientError:
            raise
        except Exception as error:
            cause = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
            raise lambda_eval_utils.LambdaFunctionErrorException("Unhandled", json.dumps(cause)) from error
        env.stack.append({"Payload": payload, "StatusCode": 200})

    def run(self, **changes: object) -> DescribeExecutionOutputTypeDef:
        """Start an execution and return its description once it has ended."""
        payload = {
            "bucket": BUCKET,
            "world_size": 1,
            "object_type": "script",
            "S3_object_name": "s.py",
            **changes,
        }
        arn = self.client.start_execution(stateMachineArn=self.arn, name="one", input=json.dumps(payload))[
            "executionArn"
        ]
        deadline = time.monotonic() + 30
        while (described := self.client.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, "the execution does not end"
        return described


def _succeed(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    item = event["item"]
    outcome = {"rank": item["rank"], "status": "succeeded"}
    clients.s3().put_object(Bucket=BUCKET, Key=item["outcome_key"], Body=json.dumps(outcome))
    return outcome


@pytest.fixture
def machine(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    s3.put_object(Bucket=BUCKET, Key="s.py", Body=b"")
    machine = Machine()
    monkeypatch.setattr(lambda_eval_utils, "execute_lambda_function_integration", machine.invoke)
    # The pauses between retries are Step Functions' business.
    monkeypatch.setattr(
        "moto.stepfunctions.parser.asl.component.common.retry.retrier_decl.time.sleep", lambda _: None
    )
    yield machine
    machine.client.close()


def test_success_ends_with_the_summary(machine: Machine) -> None:
    ended = machine.run(world_size=3)
    assert ended["status"] == "SUCCEEDED"
    output = json.loads(ended["output"])
    assert output["status"] == "succeeded"
    assert output["execution_id"] == "one"
    assert machine.calls == ["initialize", "find_rendezvous", "execute", "execute", "execute", "summarize"]


def test_bad_input_ends_with_its_sentence(machine: Machine) -> None:
    ended = machine.run(world_size=0)
    assert ended["status"] == "FAILED"
    assert ended["error"] == "InputError"
    assert (
        json.loads(ended["cause"])["errorMessage"] == '"world_size" is 0: give a whole number of at least 1.'
    )
    assert machine.calls == ["initialize"]


def test_killed_rank_is_named_with_the_services_error(machine: Machine) -> None:
    class TimedOut(Exception):  # noqa: N818
        pass

    def killed(event: Mapping[str, Any], context: object) -> dict[str, Any]:
        if event["item"]["rank"] == 1:
            raise TimedOut("Task timed out after 900.00 seconds")
        return _succeed(event, context)

    machine.functions["execute"] = killed
    ended = machine.run(world_size=3)
    assert ended["status"] == "FAILED"
    assert ended["error"] == "RankFailure"
    message = json.loads(ended["cause"])["errorMessage"]
    assert message == "rank 1 failed: TimedOut: Task timed out after 900.00 seconds"
    assert machine.calls.count("execute") == 3, "a rank that ran is not run again"


def test_throttled_rank_is_retried(machine: Machine) -> None:
    attempts: list[int] = []

    def throttled(event: Mapping[str, Any], context: object) -> dict[str, Any]:
        attempts.append(event["item"]["rank"])
        if len(attempts) < 3:
            answer: Any = {
                "Error": {"Code": "TooManyRequestsException", "Message": "Rate Exceeded"},
                "ResponseMetadata": {"HTTPStatusCode": 429, "RequestId": "r"},
            }
            raise ClientError(answer, "Invoke")
        return _succeed(event, context)

    machine.functions["execute"] = throttled
    assert machine.run()["status"] == "SUCCEEDED"
    assert attempts == [0, 0, 0]


def test_refusing_summarize_fails_the_execution(machine: Machine) -> None:
    ended = machine.run(result_path="results/1")
    assert ended["status"] == "FAILED"
    assert ended["error"] == "ResultMissing"
    assert "Rank 0 wrote no result" in json.loads(ended["cause"])["errorMessage"]
