"""statemachine.asl.json in a validator and an interpreter that are not moto's.

The interpreter knows no distributed Maps: no ItemReader, no ResultWriter, no tolerated failures, and no name
for the Map's children. So the items are read here from the manifest that Initialize wrote, and a child that
fails ends without an error, as the tolerance of 100 % has it.

It also takes every backslash out of what an intrinsic function returns, so that States.JsonToString of a text
with quotes is no JSON any more. AWS keeps them; here the test makes JSON of the failure. All else is as
Terraform fills it in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from containers.executor import clients
from containers.executor.handlers import initialize, summarize
from tests.containers.executor.conftest import BUCKET
from tests.containers.executor.support.asl import Task, TaskError, complaints, interpret, needed
from tests.containers.executor.test_statemachine import definition

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CONTEXT = {
    "Execution": {
        "Name": "one",
        "Id": "arn:aws:states:us-east-1:123456789012:execution:world:one",
        "StartTime": "2026-01-31T12:00:00.000Z",
    }
}


class World:
    """The tasks of the state machine, by the names of their states, and which were called."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.ranks: Callable[[dict[str, Any], int], None] = lambda _item, _attempt: None

    def run(self, **changes: object) -> dict[str, Any]:
        """One execution to its end."""
        given = {"bucket": BUCKET, "object_type": "script", "S3_object_name": "s.py", **changes}
        context: dict[str, Any] = {"Execution": {**CONTEXT["Execution"], "Input": given}}
        return interpret(_without_distribution(json.loads(definition())), given, context, self._tasks())

    def _tasks(self) -> dict[str, Task]:
        functions = {
            "Initialize": lambda given: _with_items(initialize.handler(given["Payload"], _context())),
            "FindRendezvous": lambda _: {"host": "127.0.0.1", "port": 1},
            "Execute": lambda given: self._execute(given["Payload"]),
            "TellOthers": lambda given: {"rank": given["Payload"]["item"]["rank"], "status": "told"},
            "Summarize": lambda given: summarize.handler(given["Payload"], _context()),
        }
        functions["Reinitialize"] = functions["Initialize"]
        tasks: dict[str, Task] = {name: self._function(name, each) for name, each in functions.items()}
        tasks["RecordFailure"] = self._record
        return tasks

    def _function(self, name: str, body: Task) -> Task:
        """A function behind lambda:invoke, whose errors Lambda describes."""

        def invoke(given: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
            self.calls.append(name)
            try:
                return {"Payload": body(given), "StatusCode": 200}
            except TaskError:
                raise
            except Exception as error:
                cause = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
                raise TaskError(type(error).__name__, json.dumps(cause)) from error

        return invoke

    def _execute(self, event: Mapping[str, Any]) -> dict[str, Any]:
        item = event["item"]
        self.ranks(item, self.calls.count("Summarize") + 1)
        outcome = {"rank": item["rank"], "status": "succeeded"}
        clients.s3().put_object(Bucket=BUCKET, Key=item["outcome_key"], Body=json.dumps(outcome))
        return outcome

    def _record(self, given: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append("RecordFailure")
        clients.s3().put_object(**{**given, "Body": json.dumps(given["Body"])})
        return {}


def _context() -> Any:  # noqa: ANN401 - stands in for Lambda's
    return SimpleNamespace(aws_request_id="one")


def _with_items(result: dict[str, Any]) -> dict[str, Any]:
    body = clients.s3().get_object(Bucket=BUCKET, Key=result["manifest_key"])["Body"].read()
    return {**result, "items_of_the_map": json.loads(body)}


def _without_distribution(machine: dict[str, Any]) -> dict[str, Any]:
    ranks = machine["States"]["RunRanks"]
    for name in ("ItemReader", "ResultWriter", "ToleratedFailurePercentage", "Label"):
        del ranks[name]
    ranks["ItemsPath"] = "$.items_of_the_map"
    ranks["ItemProcessor"]["ProcessorConfig"] = {"Mode": "INLINE"}
    ranks["ItemProcessor"]["States"]["RecordFailure"]["Parameters"]["Body.$"] = "$.failure"
    ranks["ItemProcessor"]["States"]["RankFailed"] = {"Type": "Pass", "End": True}
    return machine


@pytest.fixture
def world(s3: S3Client) -> World:
    needed()
    s3.put_object(Bucket=BUCKET, Key="s.py", Body=b"")
    return World()


def test_the_validator_has_nothing_to_say() -> None:
    needed()
    text = definition()
    for name in ("initialize", "find_rendezvous", "execute", "summarize"):
        arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
        text = text.replace(f'"FunctionName": "{name}"', f'"FunctionName": "{arn}"')
    assert complaints(json.loads(text)) == ""
    broken = json.loads(text)
    broken["States"]["Summarize"]["Next"] = "Nowhere"
    assert "Nowhere" in complaints(broken)


def test_a_world_succeeds(world: World) -> None:
    ended = world.run(world_size=3)
    assert ended["status"] == "SUCCEEDED", ended
    assert (ended["output"]["status"], ended["output"]["attempt"]) == ("succeeded", 1)
    assert world.calls == ["Initialize", "FindRendezvous", *["Execute"] * 3, "Summarize"]


def test_bad_input_ends_with_its_sentence(world: World) -> None:
    ended = world.run(world_size=0)
    assert (ended["status"], ended["error"]) == ("FAILED", "InputError")
    message = json.loads(ended["cause"])["errorMessage"]
    assert message == '"world_size" is 0: give a whole number of at least 1.'


def test_a_rank_that_failed_is_named(world: World) -> None:
    def run(item: dict[str, Any], _attempt: int) -> None:
        if item["rank"] == 1:
            cause = {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 900.00 seconds"}
            raise TaskError("Sandbox.Timedout", json.dumps(cause))

    world.ranks = run
    ended = world.run(world_size=3)
    assert (ended["status"], ended["error"]) == ("FAILED", "RankFailure")
    message = json.loads(ended["cause"])["errorMessage"]
    assert message == "rank 1 failed: Sandbox.Timedout: Task timed out after 900.00 seconds"
    assert sorted(world.calls) == sorted(
        ["Initialize", "FindRendezvous", *["Execute"] * 3, "RecordFailure", "TellOthers", "Summarize"]
    )


def test_a_world_that_lost_a_rank_is_run_again_as_a_whole(world: World) -> None:
    def run(item: dict[str, Any], attempt: int) -> None:
        if (item["rank"], attempt) == (1, 1):
            cause = {"errorType": "Runtime.ExitError", "errorMessage": "Runtime exited: signal: killed"}
            raise TaskError("Runtime.ExitError", json.dumps(cause))

    world.ranks = run
    ended = world.run(world_size=3)
    assert ended["status"] == "SUCCEEDED", ended
    assert (ended["output"]["status"], ended["output"]["attempt"]) == ("succeeded", 2)
    assert world.calls.count("Execute") == 6
    assert world.calls[-2:] == ["Execute", "Summarize"]
    assert world.calls.count("Reinitialize") == 1


@pytest.mark.parametrize(
    "error", ["Lambda.TooManyRequestsException", "Lambda.CodeArtifactUserPendingException"]
)
def test_a_rank_that_did_not_run_is_started_again(world: World, error: str) -> None:
    left = [3]

    def run(_item: dict[str, Any], _attempt: int) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise TaskError(error, "Not now")

    world.ranks = run
    ended = world.run(world_size=1)
    assert (ended["status"], world.calls.count("Execute")) == ("SUCCEEDED", 4)
