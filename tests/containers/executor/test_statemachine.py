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

from containers.executor import clients
from containers.executor.handlers import initialize, summarize
from containers.executor.handlers.execute import ScriptError
from containers.executor.handlers.find_rendezvous import RendezvousAway
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
    values = {"bucket": BUCKET, "rendezvous_attempts": "3", "attempts": "2", "pause_s": "0"} | {
        f"{name}_arn": name for name in functions
    }
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
        deadline = time.monotonic() + 60
        while (described := self.client.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, "the execution does not end"
        return described


def lost(error: str, message: str) -> Exception:
    """What the service says of an invocation that did not end by itself."""
    kind: type[Exception] = type(error, (Exception,), {})
    return kind(message)


KILLED = lost("Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: signal: killed")


def failing(times: int, error: Exception, rank: int = 1) -> Handler:
    """An execute in which a rank ends with an error a few times, and the others miss it."""
    left = [times]

    def execute(event: Mapping[str, Any], context: object) -> dict[str, Any]:
        item = event["item"]
        if "failure" in event:
            return {"rank": item["rank"], "status": "told"}
        if left[0] and item["rank"] == rank:
            left[0] -= 1
            raise error
        return _succeed(event, context)

    return execute


def refused(code: str) -> ClientError:
    """Lambda's own refusal of an invocation."""
    answer: Any = {
        "Error": {"Code": code, "Message": "Not now"},
        "ResponseMetadata": {"HTTPStatusCode": 429, "RequestId": "r"},
    }
    return ClientError(answer, "Invoke")


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


def test_a_rank_past_its_time_limit_is_named_and_not_tried_again(machine: Machine) -> None:
    error = lost("Sandbox.Timedout", "Task timed out after 900.00 seconds")
    machine.functions["execute"] = failing(1, error)
    ended = machine.run(world_size=3)
    assert ended["status"] == "FAILED"
    assert ended["error"] == "RankFailure"
    message = json.loads(ended["cause"])["errorMessage"]
    assert message == "rank 1 failed: Sandbox.Timedout: Task timed out after 900.00 seconds"
    assert machine.calls.count("execute") == 3 + 1


def test_a_throttled_rank_is_started_later(machine: Machine) -> None:
    machine.functions["execute"] = failing(2, refused("TooManyRequestsException"), rank=0)
    ended = machine.run()
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["attempt"] == 1
    assert machine.calls == ["initialize", *["execute"] * 3, "summarize"]


@pytest.mark.parametrize("code", ["CodeArtifactUserPendingException", "ResourceConflictException"])
def test_a_rank_whose_function_wakes_up_is_started_later(machine: Machine, code: str) -> None:
    machine.functions["execute"] = failing(20, refused(code), rank=0)
    ended = machine.run()
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["attempt"] == 1
    assert machine.calls == ["initialize", *["execute"] * 21, "summarize"]


@pytest.mark.parametrize(
    "code",
    ["CodeArtifactUserPendingException", "ResourceConflictException", "ClientExecutionTimeoutException"],
)
@pytest.mark.parametrize("name", ["initialize", "find_rendezvous", "summarize"])
def test_a_state_whose_function_wakes_up_waits(machine: Machine, name: str, code: str) -> None:
    own, left = machine.functions[name], [20]

    def waking(event: Mapping[str, Any], context: object) -> object:
        left[0] -= 1
        if left[0] >= 0:
            raise refused(code)
        result: dict[str, Any] = own(event, context)
        return result

    machine.functions[name] = waking
    assert machine.run(world_size=2)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("error", [KILLED, refused("ServiceException")], ids=["killed", "refused"])
def test_a_world_that_lost_a_rank_is_run_again_as_a_whole(
    machine: Machine, s3: S3Client, error: Exception
) -> None:
    machine.functions["execute"] = failing(1, error)
    ended = machine.run(world_size=3)
    assert ended["status"] == "SUCCEEDED"
    attempt = ["initialize", "find_rendezvous", "execute", "execute", "execute", "summarize"]
    # In the first, one more call tells the others on behalf of the rank that was lost.
    assert machine.calls == [*attempt[:-1], "execute", "summarize", *attempt]
    output = json.loads(ended["output"])
    assert (output["attempt"], output["outcome_prefix"]) == (2, "executions/one/attempts/2/outcomes")

    manifests = [
        json.loads(s3.get_object(Bucket=BUCKET, Key=f"executions/one/{folder}ranks.json")["Body"].read())
        for folder in ("", "attempts/2/")
    ]
    for key in ("comm_name", "secret"):
        first, second = ({item["fmi"][key] for item in manifest} for manifest in manifests)
        assert len(first) == len(second) == 1
        assert first != second


def test_attempts_have_a_limit(machine: Machine) -> None:
    machine.functions["execute"] = failing(99, KILLED)
    ended = machine.run(world_size=2)
    assert (ended["status"], ended["error"]) == ("FAILED", "WorldLost")
    message = json.loads(ended["cause"])["errorMessage"]
    assert message.startswith("rank 1 failed in attempt 2: Runtime.ExitError: ")
    assert machine.calls.count("execute") == 2 * (2 + 1)


def test_a_scripts_own_error_is_not_tried_again(machine: Machine) -> None:
    def execute(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
        item = event["item"]
        kind = "ValueError" if item["rank"] == 1 else "PeerFailure"
        outcome = {"rank": item["rank"], "status": "failed", "error_type": kind, "error_message": "no"}
        clients.s3().put_object(Bucket=BUCKET, Key=item["outcome_key"], Body=json.dumps(outcome))
        raise ScriptError(f"rank {item['rank']}: {kind}: no")

    machine.functions["execute"] = execute
    ended = machine.run(world_size=3)
    assert (ended["status"], ended["error"]) == ("FAILED", "RankFailure")
    assert machine.calls.count("execute") == 3


def test_a_server_that_has_to_be_started_is_waited_for(machine: Machine) -> None:
    looks = iter([RendezvousAway("not yet"), RendezvousAway("not yet"), None])

    def find(event: object, context: object) -> dict[str, Any]:  # noqa: ARG001
        if error := next(looks):
            raise error
        return {"host": "192.0.2.7", "port": 4242}

    seen: list[object] = []

    def execute(event: Mapping[str, Any], context: object) -> dict[str, Any]:
        seen.append(event["rendezvous"])
        return _succeed(event, context)

    machine.functions |= {"find_rendezvous": find, "execute": execute}
    assert machine.run(world_size=2)["status"] == "SUCCEEDED"
    assert machine.calls.count("find_rendezvous") == 3
    assert seen == [{"host": "192.0.2.7", "port": 4242}] * 2


def test_a_server_that_never_comes_up_ends_the_execution_before_any_rank_runs(machine: Machine) -> None:
    def find(event: object, context: object) -> dict[str, Any]:  # noqa: ARG001
        raise RendezvousAway("see in ECS why")

    machine.functions["find_rendezvous"] = find
    ended = machine.run(world_size=2)
    assert (ended["status"], ended["error"]) == ("FAILED", "RendezvousAway")
    assert machine.calls == ["initialize", *["find_rendezvous"] * 4]


@pytest.mark.parametrize("changes", [{"world_size": 1}, {"world_size": 2, "rendezvous": False}])
def test_executions_that_need_no_server_start_none(machine: Machine, changes: dict[str, Any]) -> None:
    assert machine.run(**changes)["status"] == "SUCCEEDED"
    assert "find_rendezvous" not in machine.calls


def test_missing_data_ends_with_its_sentence(machine: Machine) -> None:
    ended = machine.run(data_prefix="no-such-folder")
    assert (ended["status"], ended["error"]) == ("FAILED", "InputError")
    assert "There is no object below 'no-such-folder/'" in json.loads(ended["cause"])["errorMessage"]
    assert machine.calls == ["initialize"]


def test_refusing_summarize_fails_the_execution(machine: Machine) -> None:
    ended = machine.run(result_path="results/1")
    assert ended["status"] == "FAILED"
    assert ended["error"] == "ResultMissing"
    assert "Rank 0 wrote no result" in json.loads(ended["cause"])["errorMessage"]
