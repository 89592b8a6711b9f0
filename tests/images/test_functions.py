"""Lambda functions as containers: what holds for processes too, and what only containers can promise."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from cosmic_fmi.localcloud import EmbeddedAWS
from cosmic_fmi.localcloud.state import DaemonState
from tests.cosmic_fmi.localcloud.conftest import Function, wait_for
from tests.images.conftest import containers_of, docker

Deploy = Callable[..., Function]


def test_cold_then_warm_then_gone(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function = deploy("basic.echo")
    replies = [function.invoke({"number": number}).payload for number in range(3)]
    assert [reply["invocations"] for reply in replies] == [1, 2, 3]
    assert len({reply["pid"] for reply in replies}) == 1
    assert len(containers_of(cloud)) == 1
    log = function.log()
    assert [line for line in log if line.startswith("echo")] == [
        f'echo: {{"number": {n}}}\n' for n in range(3)
    ]
    reports = [line for line in log if line.startswith("REPORT")]
    assert ["Init Duration" in line for line in reports] == [True, False, False]
    assert all("Max Memory Used: 0 MB" not in line for line in reports)
    assert cloud.admin("reset-idle")["stopped"] == 1
    assert containers_of(cloud) == []


def test_calls_at_the_same_time_have_containers_of_their_own(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function = deploy("basic.wait")
    with ThreadPoolExecutor() as pool:
        replies = list(pool.map(function.invoke, [{"seconds": 2}] * 3))
    assert [reply.error for reply in replies] == [None] * 3
    assert len(containers_of(cloud)) == 3


def test_every_line_is_in_the_log_before_the_report(deploy: Deploy) -> None:
    function = deploy("basic.chatter")
    for _ in range(3):
        function.invoke({"lines": 400})
    log = function.log()
    ends = [number for number, line in enumerate(log) if line.startswith("REPORT")]
    for start, end in zip([0, *(end + 1 for end in ends)], ends, strict=False):
        part = log[start:end]
        assert [line for line in part if line.startswith("python")] == [f"python {n}\n" for n in range(400)]
        assert [line for line in part if line.startswith("error")] == [f"error {n}\n" for n in range(400)]
        assert "child line\n" in part
        assert part[-2] == "no end\n"
        assert part[-1].startswith("END")


@pytest.mark.parametrize(
    ("handler", "reason"),
    [("basic.leave", "exit status 3"), ("basic.crash", "signal: segmentation fault")],
)
def test_end_of_the_container_is_an_exit_error(
    deploy: Deploy, cloud: EmbeddedAWS, handler: str, reason: str
) -> None:
    reply = deploy(handler).invoke({})
    assert (reply.error, reply.payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert reply.payload["errorMessage"].endswith(f"Runtime exited with error: {reason}")
    wait_for(lambda: containers_of(cloud) == [], "the removal of the container")


def test_timeout_kills_the_container(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function = deploy("basic.hang", Timeout=1)
    reply = function.invoke()
    assert reply.payload["errorType"] == "Sandbox.Timedout"
    log = function.log()
    assert any(line.startswith("child ") for line in log)
    assert "Duration: 1000.00 ms" in log[-1]
    assert "Status: timeout" in log[-1]
    wait_for(lambda: containers_of(cloud) == [], "the removal of the container")


def test_more_memory_than_the_function_has_kills_it(deploy: Deploy) -> None:
    function = deploy("basic.hog", MemorySize=192)
    reply = function.invoke()
    assert reply.payload["errorType"] == "Runtime.OutOfMemory"
    assert reply.payload["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert "Max Memory Used: 192 MB" in function.log()[-1]


def test_tmp_is_private_has_its_size_and_is_no_memory(deploy: Deploy) -> None:
    function = deploy("basic.fill", MemorySize=192, EphemeralStorage={"Size": 512})
    assert function.invoke({"name": "a", "mb": 400}).payload == "written"
    assert function.invoke({"name": "b", "mb": 200}).payload == "No space left on device"
    assert not Path("/tmp/a").exists()
    assert "Max Memory Used: 192 MB" not in function.log()[-1]


def test_everything_else_is_read_only_and_nobody_is_root(deploy: Deploy) -> None:
    seen = deploy("basic.rights").invoke().payload
    assert seen["root"] == "Read-only file system"
    assert seen["task"] == "Read-only file system"
    assert seen["user"] != 0
    assert seen["capabilities"] == 0


def test_processors_are_shared_by_memory_size(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    deploy("basic.echo", MemorySize=442).invoke()  # a quarter of 1,769 MB
    [container] = containers_of(cloud)
    quota, period = docker(
        "inspect", "--format", "{{.HostConfig.CpuQuota}} {{.HostConfig.CpuPeriod}}", container
    ).split()
    assert int(quota) / int(period) == pytest.approx(0.25, rel=0.01)


def test_function_whose_image_is_not_here(deploy: Deploy) -> None:
    with pytest.raises(ClientError, match=r"Source image nowhere/at-all:1 does not exist"):
        deploy("basic.echo", image="nowhere/at-all:1").invoke()


def test_sigkill_of_the_daemon_ends_its_containers_and_the_next_one_removes_them(
    deploy: Deploy, cloud: EmbeddedAWS
) -> None:
    deploy("basic.echo").invoke()
    busy = deploy("basic.wait")
    calling = threading.Thread(target=lambda: _expect_failure(busy), daemon=True)
    calling.start()
    wait_for(lambda: len(_running(cloud)) == 2, "two containers")
    state = DaemonState.read(cloud.state_dir)
    assert state is not None
    psutil.Process(state.pid).kill()
    wait_for(lambda: _running(cloud) == [], "the end of the containers", seconds=30)
    calling.join(30)
    cloud.stop()
    cloud.start()
    assert containers_of(cloud) == []


def test_stop_leaves_no_container(deploy: Deploy, cloud: EmbeddedAWS) -> None:
    deploy("basic.echo").invoke()
    assert len(containers_of(cloud)) == 1
    cloud.stop()
    assert containers_of(cloud) == []


def _running(cloud: EmbeddedAWS) -> list[str]:
    label = f"label=org.cosmic-fmi.localcloud={cloud.state_dir}"
    return docker("ps", "--quiet", "--filter", label).split()


def _expect_failure(function: Function) -> None:
    with pytest.raises(Exception):  # noqa: B017 - however the connection ends
        function.invoke({"seconds": 60})
