"""State machines that run functions, through moto's interpreter and what localcloud adds to it."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import ROLE, Function, Json, client, wait_for

Deploy = Callable[..., Function]
Run = Callable[[dict[str, Any], Any], dict[str, Any]]


@pytest.fixture
def machine(cloud: EmbeddedAWS, request: pytest.FixtureRequest) -> Iterator[Callable[[dict[str, Any]], str]]:
    """Creates a state machine of the given states and removes it after the test."""
    states = client(cloud, "stepfunctions")
    created: list[str] = []

    def create(definition: dict[str, Any]) -> str:
        name = f"{request.node.name[:60]}-{len(created)}"
        arn: str = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)[
            "stateMachineArn"
        ]
        created.append(arn)
        return arn

    yield create
    for arn in created:
        states.delete_state_machine(stateMachineArn=arn)


@pytest.fixture
def run(cloud: EmbeddedAWS, machine: Callable[[dict[str, Any]], str]) -> Run:
    """Runs a definition to its end and returns the execution's description."""
    states = client(cloud, "stepfunctions")

    def execute(definition: dict[str, Any], content: Json) -> dict[str, Any]:
        arn = states.start_execution(
            stateMachineArn=machine(definition), name="run", input=json.dumps(content)
        )["executionArn"]
        return _ended(states, arn)

    return execute


def task(function: str, **more: Json) -> dict[str, Any]:
    """A state that calls a function with its whole input."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        "End": True,
        **more,
    }


def test_task_gives_the_function_s_result_and_metadata(deploy: Deploy, run: Run) -> None:
    end = run({"StartAt": "A", "States": {"A": task(deploy("basic.echo").name)}}, {"n": 1})
    assert end["status"] == "SUCCEEDED"
    output = json.loads(end["output"])
    assert output["Payload"]["event"] == {"n": 1}
    assert output["StatusCode"] == 200
    assert output["SdkResponseMetadata"]["RequestId"] == output["Payload"]["request_id"]


def test_error_of_a_function_is_error_and_cause_of_the_task(deploy: Deploy, run: Run) -> None:
    end = run({"StartAt": "A", "States": {"A": task(deploy("basic.fail").name)}}, {})
    assert end["status"] == "FAILED"
    assert end["error"] == "ValueError"
    cause = json.loads(end["cause"])
    assert cause["errorMessage"] == "wrong input"
    assert cause["stackTrace"]


def test_catch_sees_the_timeout_of_a_function(deploy: Deploy, run: Run) -> None:
    caught = {"Catch": [{"ErrorEquals": ["Sandbox.Timedout"], "Next": "B"}]}
    states = {"A": task(deploy("basic.hang", Timeout=1).name, **caught), "B": {"Type": "Pass", "End": True}}
    end = run({"StartAt": "A", "States": states}, {})
    assert end["status"] == "SUCCEEDED"
    assert "timed out after 1.00 seconds" in json.loads(end["output"])["Cause"]


def test_throttling_and_missing_functions_are_lambda_errors(
    deploy: Deploy, run: Run, cloud: EmbeddedAWS
) -> None:
    function = deploy("basic.echo")
    client(cloud, "lambda").put_function_concurrency(
        FunctionName=function.name, ReservedConcurrentExecutions=0
    )
    end = run({"StartAt": "A", "States": {"A": task(function.name)}}, {})
    assert end["error"] == "Lambda.TooManyRequestsException"
    assert "Rate Exceeded." in end["cause"]
    assert "Status Code: 429" in end["cause"]
    missing = run({"StartAt": "A", "States": {"A": task("nobody")}}, {})
    assert missing["error"] == "Lambda.ResourceNotFoundException"


def test_result_beyond_the_state_s_limit_is_an_error(deploy: Deploy, run: Run) -> None:
    end = run({"StartAt": "A", "States": {"A": task(deploy("basic.large").name)}}, {"size": 300_000})
    assert (end["status"], end["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_execution_without_a_name_gets_one(cloud: EmbeddedAWS, machine: Callable[..., str]) -> None:
    states = client(cloud, "stepfunctions")
    named = {"Type": "Pass", "Parameters": {"name.$": "$$.Execution.Name"}, "End": True}
    arn = states.start_execution(stateMachineArn=machine({"StartAt": "A", "States": {"A": named}}))[
        "executionArn"
    ]
    end = _ended(states, arn)
    assert len(end["name"]) == 36
    assert json.loads(end["output"])["name"] == end["name"] == arn.split(":")[-1]


@pytest.fixture
def distributed(cloud: EmbeddedAWS) -> Iterator[Callable[[str, list[Any]], dict[str, Any]]]:
    """A Distributed Map over items that lie in S3."""
    s3 = client(cloud, "s3")
    s3.create_bucket(Bucket="items")

    def definition(function: str, items: list[Any]) -> dict[str, Any]:
        s3.put_object(Bucket="items", Key="ranks.json", Body=json.dumps(items))
        mapped = {
            "Type": "Map",
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON"},
                "Parameters": {"Bucket": "items", "Key.$": "$.key"},
            },
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Rank",
                "States": {"Rank": task(function, OutputPath="$.Payload")},
            },
            "ToleratedFailurePercentage": 100.0,
            "End": True,
        }
        return {"StartAt": "Map", "States": {"Map": mapped}}

    yield definition
    s3.delete_object(Bucket="items", Key="ranks.json")
    s3.delete_bucket(Bucket="items")


def test_distributed_map_runs_every_item_at_once(
    deploy: Deploy, run: Run, distributed: Callable[..., Any]
) -> None:
    function = deploy("basic.rank")
    end = run(distributed(function.name, [{"rank": rank} for rank in range(8)]), {"key": "ranks.json"})
    assert end["status"] == "SUCCEEDED"
    assert [one["rank"] for one in json.loads(end["output"])] == list(range(8))


def test_failed_item_of_a_map_is_seen_in_the_map_run(
    deploy: Deploy, run: Run, distributed: Callable[..., Any], cloud: EmbeddedAWS
) -> None:
    items = [{"rank": 0}, {"rank": 1, "fail": True}]
    end = run(distributed(deploy("basic.rank").name, items), {"key": "ranks.json"})
    states = client(cloud, "stepfunctions")
    [map_run] = states.list_map_runs(executionArn=end["executionArn"])["mapRuns"]
    counts = states.describe_map_run(mapRunArn=map_run["mapRunArn"])["itemCounts"]
    assert (counts["total"], counts["succeeded"], counts["failed"]) == (2, 1, 1)


def test_stop_execution_ends_a_running_map_and_its_functions(
    deploy: Deploy, machine: Callable[..., str], distributed: Callable[..., Any], cloud: EmbeddedAWS
) -> None:
    states = client(cloud, "stepfunctions")
    function = deploy("basic.hang")
    arn = states.start_execution(
        stateMachineArn=machine(distributed(function.name, [{"rank": 0}, {"rank": 1}])),
        name="stopped",
        input=json.dumps({"key": "ranks.json"}),
    )["executionArn"]
    wait_for(lambda: _children(function, 2), "the start of both functions")
    children = _children(function, 2)
    states.stop_execution(executionArn=arn, error="Interrupted", cause="Ctrl-C")
    end = states.describe_execution(executionArn=arn)
    assert (end["status"], end["error"], end["cause"]) == ("ABORTED", "Interrupted", "Ctrl-C")
    wait_for(lambda: not any(map(psutil.pid_exists, children)), "the end of the functions")
    wait_for(lambda: cloud.admin("status")["functions"]["busy"] == 0, "the end of the invocations")
    # What the interrupted tasks report must not turn ABORTED into FAILED.
    threading.Event().wait(0.3)
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"
    history = states.get_execution_history(executionArn=arn)["events"]
    assert history[-1]["type"] == "ExecutionAborted"


def test_terraform_s_calls_are_answered(cloud: EmbeddedAWS, machine: Callable[..., str]) -> None:
    states = client(cloud, "stepfunctions")
    good = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    assert states.validate_state_machine_definition(definition=json.dumps(good))["result"] == "OK"
    bad = states.validate_state_machine_definition(definition='{"StartAt": "A"}')
    assert bad["result"] == "FAIL"
    assert bad["diagnostics"][0]["severity"] == "ERROR"
    assert states.list_state_machine_versions(stateMachineArn=machine(good))["stateMachineVersions"] == []


def _ended(states: Json, arn: str) -> dict[str, Any]:
    def description() -> Json:
        execution = states.describe_execution(executionArn=arn)
        return execution if execution["status"] != "RUNNING" else None

    ended: dict[str, Any] = wait_for(description, "the end of the execution", 20)
    return ended


def _children(function: Function, count: int) -> list[int]:
    groups = client(function.cloud, "logs").describe_log_groups(
        logGroupNamePrefix=f"/aws/lambda/{function.name}"
    )
    lines = function.log() if groups["logGroups"] else []
    pids = [int(line.split()[1]) for line in lines if line.startswith("child ")]
    return pids if len(pids) == count else []
