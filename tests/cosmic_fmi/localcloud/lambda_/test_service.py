"""Lambda functions as a caller sees them."""

import base64
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import FUNCTIONS, Function, client, wait_for

Deploy = Callable[..., Function]


def test_handler_gets_event_and_context_and_its_result_comes_back(deploy: Deploy) -> None:
    function = deploy("basic.echo", Timeout=7)
    reply = function.invoke({"galaxy": "NGC 1300", "bands": [1, 2]})
    assert reply.error is None
    assert reply.payload["event"] == {"galaxy": "NGC 1300", "bands": [1, 2]}
    assert reply.payload["request_id"] == reply.headers["x-amzn-requestid"]
    assert 0 < reply.payload["remaining_ms"] <= 7000
    assert reply.payload["arn"].endswith(f":function:{function.name}")


def test_function_can_be_named_by_its_arn(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function = deploy("basic.echo")
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function.name}"
    assert Function(cloud, arn).invoke(1).payload["event"] == 1


def test_environment_is_aws_s(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function = deploy("basic.environment", MemorySize=512, Environment={"Variables": {"MINE": "a b"}})
    seen = function.invoke().payload
    variables = seen["variables"]
    assert variables["MINE"] == "a b"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == function.name
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert variables["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert variables["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{function.name}"
    assert variables["AWS_LAMBDA_LOG_STREAM_NAME"].split("]")[0].endswith("[$LATEST")
    assert variables["AWS_REGION"] == "us-east-1"
    assert variables["AWS_ENDPOINT_URL"] == cloud.endpoint_url
    assert variables["_HANDLER"] == "basic.environment"
    assert variables["LAMBDA_TASK_ROOT"] == seen["cwd"] == str(FUNCTIONS)
    assert variables["TZ"] == ":UTC"
    assert not [name for name in variables if name.startswith(("LOCALCLOUD", "PYTEST", "MOTO"))]


def test_tmp_is_private_to_an_environment_and_lasts_as_long(deploy: Deploy) -> None:
    first, second = deploy("basic.tmp"), deploy("basic.tmp")
    assert "one" not in first.invoke({"write": "one"}).payload["before"]
    assert "one" in first.invoke({"write": "two"}).payload["before"]
    assert "one" not in second.invoke({"write": "three"}).payload["before"]
    assert not Path("/tmp/one").exists()


def test_second_call_finds_the_environment_warm(deploy: Deploy) -> None:
    function = deploy("basic.echo")
    first, second = function.invoke().payload, function.invoke().payload
    assert first["pid"] == second["pid"]
    assert [first["invocations"], second["invocations"]] == [1, 2]


def test_reset_idle_makes_the_next_call_a_cold_one(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function = deploy("basic.echo")
    first = function.invoke().payload
    assert cloud.admin("reset-idle")["stopped"] >= 1
    assert not psutil.pid_exists(first["pid"])
    assert function.invoke().payload["invocations"] == 1


def test_new_configuration_means_a_new_environment(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function = deploy("basic.environment")
    function.invoke()
    client(cloud, "lambda").update_function_configuration(
        FunctionName=function.name, Environment={"Variables": {"ADDED": "1"}}
    )
    assert function.invoke().payload["variables"]["ADDED"] == "1"


def test_concurrent_calls_get_environments_of_their_own(deploy: Deploy, shared: Path) -> None:
    function = deploy("basic.met")
    folder = str(shared)
    events = [
        {"folder": folder, "mine": "a", "theirs": "b"},
        {"folder": folder, "mine": "b", "theirs": "a"},
    ]
    with ThreadPoolExecutor() as pool:
        pids = [reply.payload for reply in pool.map(function.invoke, events)]
    assert len(set(pids)) == 2


def test_exception_is_reported_as_awslambdaric_does(deploy: Deploy) -> None:
    function = deploy("basic.fail")
    reply = function.invoke()
    assert reply.status == 200
    assert reply.error == "Unhandled"
    assert reply.payload["errorType"] == "ValueError"
    assert reply.payload["errorMessage"] == "wrong input"
    assert 'raise ValueError("wrong input")' in "".join(reply.payload["stackTrace"])


def test_environment_survives_an_exception(deploy: Deploy) -> None:
    function = deploy("basic.fail")
    function.invoke()
    function.invoke()
    assert sum("Init Duration" in line for line in function.log()) == 1


@pytest.mark.parametrize(
    ("handler", "event", "reason"),
    [
        ("basic.leave", {"status": 3}, "exit status 3"),
        ("basic.leave", {"status": 0}, "without providing a reason"),
        ("basic.crash", {}, "signal: segmentation fault"),
    ],
)
def test_end_of_the_process_is_an_exit_error(
    deploy: Deploy, handler: str, event: object, reason: str
) -> None:
    reply = deploy(handler).invoke(event)
    assert reply.error == "Unhandled"
    assert reply.payload["errorType"] == "Runtime.ExitError"
    assert reason in reply.payload["errorMessage"]
    assert reply.headers["x-amzn-requestid"] in reply.payload["errorMessage"]


def test_module_that_does_not_load(deploy: Deploy) -> None:
    function = deploy("broken.handler")
    reply = function.invoke()
    assert (reply.error, reply.payload["errorType"]) == ("Unhandled", "RuntimeError")
    assert reply.payload["errorMessage"] == "no good module"
    assert "importing broken\n" in function.log()


def test_handler_that_does_not_exist(deploy: Deploy) -> None:
    assert deploy("nowhere.handler").invoke().payload["errorType"] == "Runtime.ImportModuleError"


def test_timeout_ends_the_function_and_its_children(deploy: Deploy) -> None:
    function = deploy("basic.hang", Timeout=1)
    reply = function.invoke()
    assert reply.payload["errorType"] == "Sandbox.Timedout"
    assert reply.payload["errorMessage"].endswith(
        f"{reply.headers['x-amzn-requestid']} Task timed out after 1.00 seconds"
    )
    log = function.log()
    assert any(line.endswith("Task timed out after 1.00 seconds\n") for line in log)
    assert "Status: timeout" in log[-1]
    [child] = [int(line.split()[1]) for line in log if line.startswith("child ")]
    wait_for(lambda: not psutil.pid_exists(child), "the end of the child")


def test_more_memory_than_the_function_has_kills_it(deploy: Deploy) -> None:
    function = deploy("basic.hog", MemorySize=192)
    reply = function.invoke()
    assert reply.payload["errorType"] == "Runtime.OutOfMemory"
    assert reply.payload["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert "Max Memory Used: 192 MB" in function.log()[-1]


def test_memory_of_child_processes_counts(deploy: Deploy) -> None:
    function = deploy("basic.hog_in_children", MemorySize=256)
    assert function.invoke({"mb": 200, "seconds": 20}).payload["errorType"] == "Runtime.OutOfMemory"
    assert function.invoke({"mb": 50, "seconds": 1}).error is None
    reports = [line for line in function.log() if line.startswith("REPORT")]
    peaks = [int(found) for found in re.findall(r"Max Memory Used: (\d+) MB", "".join(reports))]
    assert len(peaks) == 2, "each environment has a stream of its own, in no order"
    assert 100 < min(peaks) < max(peaks) == 256


def test_large_payloads_pass(deploy: Deploy) -> None:
    assert len(deploy("basic.large").invoke({"size": 2_000_000}).payload) == 2_000_000


def test_result_beyond_lambda_s_limit_is_an_error(deploy: Deploy) -> None:
    reply = deploy("basic.large").invoke({"size": 7 * 1024 * 1024})
    assert reply.payload["errorType"] == "Function.ResponseSizeTooLarge"


def test_reserved_concurrency_throttles(deploy: Deploy, cloud: EmbeddedAWS, shared: Path) -> None:
    function = deploy("basic.met")
    functions = client(cloud, "lambda")
    functions.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(function.invoke, {"folder": str(shared), "mine": "a", "theirs": "b"})
        wait_for((shared / "a").exists, "the first invocation")
        with pytest.raises(ClientError) as caught:
            function.invoke({"folder": str(shared), "mine": "c", "theirs": "b"})
        (shared / "b").touch()
        assert running.result().error is None
    response = caught.value.response
    assert response["Error"]["Code"] == "TooManyRequestsException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"  # type: ignore[typeddict-item]
    limits = functions.get_account_settings()["AccountLimit"]
    assert (limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]) == (20, 19)


def test_account_concurrency_throttles(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    holder, function = deploy("basic.echo"), deploy("basic.echo")
    client(cloud, "lambda").put_function_concurrency(
        FunctionName=holder.name, ReservedConcurrentExecutions=20
    )
    with pytest.raises(ClientError) as caught:
        function.invoke()
    assert caught.value.response["Reason"] == "ConcurrentInvocationLimitExceeded"  # type: ignore[typeddict-item]


def test_unknown_function(cloud: EmbeddedAWS) -> None:
    with pytest.raises(client(cloud, "lambda").exceptions.ResourceNotFoundException):
        Function(cloud, "nobody").invoke()


def test_payload_must_be_json(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function = deploy("basic.echo")
    functions = client(cloud, "lambda")
    with pytest.raises(functions.exceptions.InvalidRequestContentException):
        functions.invoke(FunctionName=function.name, Payload=b"{not json")


def test_event_invocation_runs_in_the_background(deploy: Deploy) -> None:
    function = deploy("basic.echo")
    reply = function.invoke({"later": 1}, InvocationType="Event")
    assert (reply.status, reply.payload) == (202, None)
    wait_for(lambda: any("REPORT" in line for line in _log_if_any(function)), "the invocation")
    assert 'echo: {"later": 1}\n' in function.log()


def test_failed_event_invocation_is_tried_again(deploy: Deploy) -> None:
    function = deploy("basic.fail")
    function.invoke(InvocationType="Event")
    wait_for(lambda: sum("REPORT" in line for line in _log_if_any(function)) == 3, "the third try")


def test_dry_run_runs_nothing(deploy: Deploy) -> None:
    function = deploy("basic.echo")
    assert function.invoke(InvocationType="DryRun").status == 204
    assert _log_if_any(function) == []


def test_tail_of_the_log_comes_with_the_result(deploy: Deploy) -> None:
    reply = deploy("basic.echo").invoke({"x": 1}, LogType="Tail")
    lines = base64.b64decode(reply.headers["x-amz-log-result"]).decode().splitlines()
    assert lines[0].startswith("START RequestId: ")
    assert lines[1] == 'echo: {"x": 1}'
    assert lines[-1].startswith("REPORT RequestId: ")


def test_stop_functions_ends_what_runs(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function = deploy("basic.hang")
    replies = []
    caller = threading.Thread(target=lambda: replies.append(function.invoke()))
    caller.start()
    wait_for(lambda: any(line.startswith("child") for line in _log_if_any(function)), "the invocation")
    assert cloud.stop_functions() == 1
    caller.join(10)
    assert replies[0].payload["errorType"] == "Runtime.ExitError"


def test_outdated_environment_is_ended(cloud: EmbeddedAWS, deploy: Deploy) -> None:
    function = deploy("basic.echo")
    pid = function.invoke().payload["pid"]
    functions = client(cloud, "lambda")
    functions.update_function_configuration(FunctionName=function.name, Timeout=9)
    wait_for(lambda: not psutil.pid_exists(pid), "the end of the outdated environment")


def _log_if_any(function: Function) -> list[str]:
    groups = client(function.cloud, "logs").describe_log_groups(
        logGroupNamePrefix=f"/aws/lambda/{function.name}"
    )["logGroups"]
    return function.log() if groups else []


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel does not say who waited")
def test_what_does_not_load_in_ten_seconds_is_loaded_again_within_the_invocation(
    deploy: Deploy, shared: Path
) -> None:
    variables = {"Variables": {"MARKER": str(shared / "loaded")}}
    function = deploy("slow_load.answer", Environment=variables, Timeout=60)
    assert function.invoke({"a": 1}).payload == {"a": 1}
    log = function.log()
    assert log[0] == "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\t\n"
    assert "Init Duration" not in log[-1]
    assert function.invoke({"b": 2}).payload == {"b": 2}


def test_more_in_tmp_than_the_function_has_ends_it(deploy: Deploy) -> None:
    function = deploy("basic.fill_and_wait", EphemeralStorage={"Size": 512}, MemorySize=1024)
    assert function.invoke({"mb": 100, "seconds": 0}).payload == "written"
    reply = function.invoke({"mb": 450, "seconds": 15})  # beside what the first one left
    assert reply.error
    assert re.search(
        r"no space left on device: 5\d\d MB in /tmp, and the function has 512 MB",
        reply.payload["errorMessage"],
    )
