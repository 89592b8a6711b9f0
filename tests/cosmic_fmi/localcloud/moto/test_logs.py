"""What an invocation leaves in CloudWatch Logs."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import Function, client, wait_for

Deploy = Callable[..., Function]

REPORT = re.compile(
    r"REPORT RequestId: (?P<id>[0-9a-f-]{36})\t"
    r"Duration: (?P<duration>\d+\.\d\d) ms\t"
    r"Billed Duration: (?P<billed>\d+) ms\t"
    r"Memory Size: (?P<size>\d+) MB\t"
    r"Max Memory Used: (?P<used>\d+) MB\t"
    r"(Init Duration: (?P<init>\d+\.\d\d) ms\t)?"
    r"(Status: (?P<status>\w+)\t)?(Error Type: (?P<error>[\w.]+)\t)?\n"
)


def test_lines_of_a_cold_and_a_warm_invocation(deploy: Deploy) -> None:
    function = deploy("basic.echo", MemorySize=256)
    cold, warm = (function.invoke(number).payload["request_id"] for number in (1, 2))
    lines = function.log()
    assert [line.split(" ")[0] for line in lines] == ["START", "echo:", "END", "REPORT"] * 2
    assert lines[0] == f"START RequestId: {cold} Version: $LATEST\n"
    assert lines[2] == f"END RequestId: {cold}\n"
    first, second = REPORT.fullmatch(lines[3]), REPORT.fullmatch(lines[7])
    assert first is not None
    assert second is not None
    assert (first["id"], second["id"]) == (cold, warm)
    assert first["size"] == "256"
    assert 0 < int(first["used"]) < 256
    assert second["init"] is None
    together = float(first["duration"]) + float(first["init"])
    assert together - 0.01 <= int(first["billed"]) <= together + 1.01
    assert 0 <= int(second["billed"]) - float(second["duration"]) <= 1


def test_stream_is_named_as_lambda_names_it(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function = deploy("basic.environment")
    name = function.invoke().payload["variables"]["AWS_LAMBDA_LOG_STREAM_NAME"]
    streams = client(cloud, "logs").describe_log_streams(logGroupName=f"/aws/lambda/{function.name}")
    assert [stream["logStreamName"] for stream in streams["logStreams"]] == [name]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", name)


def test_every_line_is_there_in_order_before_the_report(deploy: Deploy) -> None:
    function = deploy("basic.chatter")
    function.invoke({"lines": 500})
    lines = function.log()
    printed = [line for number in range(500) for line in (f"python {number}\n", f"error {number}\n")]
    assert lines[1:-2] == [*printed, "child line\n", "raw bytes \ufffd\n", "no end"]
    assert lines[-1].startswith("REPORT")


def test_traceback_is_one_event(deploy: Deploy) -> None:
    function = deploy("basic.fail")
    function.invoke()
    lines = function.log()
    assert lines[1] == "about to fail\n"
    assert lines[2].startswith("[ERROR] ValueError: wrong input\nTraceback (most recent call last):\n")
    report = REPORT.fullmatch(lines[-1])
    assert report is not None
    assert (report["status"], report["error"]) == ("error", "ValueError")


def test_a_late_line_does_not_bring_back_a_deleted_group(
    deploy: Deploy, cloud: EmbeddedAWS, shared: Path
) -> None:
    function = deploy("basic.met")
    group = f"/aws/lambda/{function.name}"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(function.invoke, {"folder": str(shared), "mine": "a", "theirs": "b"})
        wait_for((shared / "a").exists, "the invocation")
        client(cloud, "lambda").delete_function(FunctionName=function.name)
        client(cloud, "logs").delete_log_group(logGroupName=group)
        (shared / "b").touch()
        assert running.result(20).error is None
    assert client(cloud, "logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
