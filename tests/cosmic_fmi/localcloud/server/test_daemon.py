"""The daemon's life: start, attach, stop, and what is left when it is killed."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import boto3
import psutil
import pytest
import urllib3
from botocore.exceptions import ClientError

from cosmic_fmi.localcloud import EmbeddedAWS, StartError
from cosmic_fmi.localcloud import client as embedded
from cosmic_fmi.localcloud.state import LOG_FILE
from tests.cosmic_fmi.localcloud.conftest import FUNCTIONS, IMAGE, ROLE, Function, client, wait_for


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedAWS]:
    """An embedded AWS of this test's own, for it to stop and to kill."""
    with EmbeddedAWS(tmp_path / "state", FUNCTIONS) as cloud:
        yield cloud


def family(cloud: EmbeddedAWS) -> list[psutil.Process]:
    """The daemon with a warm function and its processes."""
    client(cloud, "iam").create_role(RoleName="test", AssumeRolePolicyDocument="{}")
    client(cloud, "lambda").create_function(
        FunctionName="warm",
        Role=ROLE,
        PackageType="Image",
        Code={"ImageUri": IMAGE},
        ImageConfig={"Command": ["basic.echo"]},
    )
    assert Function(cloud, "warm").invoke().error is None
    daemon = psutil.Process(int((cloud.state_dir / "localcloud.lock").read_text() or 0))
    return [daemon, *daemon.children(recursive=True)]


def test_stop_leaves_no_process_and_no_state_file(own: EmbeddedAWS) -> None:
    processes = family(own)
    assert len(processes) >= 2
    own.stop()
    assert not [process for process in processes if process.is_running()]
    assert EmbeddedAWS.attach(own.state_dir) is None
    assert not list((own.state_dir / "environments").glob("*"))


def test_sigkill_of_the_daemon_takes_its_children_along(own: EmbeddedAWS) -> None:
    daemon, *children = family(own)
    daemon.kill()
    wait_for(lambda: not [one for one in children if one.is_running()], "the end of the children")
    assert EmbeddedAWS.attach(own.state_dir) is None
    own.stop()
    own.start()
    assert client(own, "lambda").list_functions()["Functions"] == []


def test_environment_points_boto3_at_it(cloud: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    # boto3's own session may have looked for credentials before.
    assert boto3.Session().client("sts").get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("sts", "get_caller_identity"),
        ("s3", "list_buckets"),
        ("lambda", "list_functions"),
        ("ecs", "list_clusters"),
    ],
)
def test_another_key_is_refused_in_the_service_s_own_format(
    cloud: EmbeddedAWS, service: str, call: str
) -> None:
    stranger = boto3.Session("test", "test", region_name="us-east-1")
    with pytest.raises(ClientError, match="access key id is not the embedded AWS's") as caught:
        getattr(stranger.client(service, endpoint_url=cloud.endpoint_url), call)()  # type: ignore[call-overload]
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_attach_finds_the_running_one(cloud: EmbeddedAWS) -> None:
    found = EmbeddedAWS.attach(cloud.state_dir)
    assert found is not None
    assert (found.endpoint_url, found.instance_id) == (cloud.endpoint_url, cloud.instance_id)


def test_start_takes_over_the_running_one(cloud: EmbeddedAWS) -> None:
    again = EmbeddedAWS(cloud.state_dir, FUNCTIONS)
    again.start()
    assert again.instance_id == cloud.instance_id


def test_state_file_of_another_process_is_not_believed(cloud: EmbeddedAWS, tmp_path: Path) -> None:
    state = (cloud.state_dir / "localcloud.json").read_text()
    (tmp_path / "localcloud.json").write_text(state.replace('"created": ', '"created": 1'))
    assert EmbeddedAWS.attach(tmp_path) is None
    (tmp_path / "localcloud.json").write_text("{")
    assert EmbeddedAWS.attach(tmp_path) is None


def test_a_copied_state_folder_leads_to_no_one_elses_daemon(cloud: EmbeddedAWS, tmp_path: Path) -> None:
    shutil.copy(cloud.state_dir / "localcloud.json", tmp_path)
    assert EmbeddedAWS.attach(tmp_path) is None
    assert EmbeddedAWS(tmp_path, FUNCTIONS).stop() is False
    assert EmbeddedAWS.attach(cloud.state_dir) is not None


def test_only_who_has_the_key_is_obeyed(cloud: EmbeddedAWS) -> None:
    assert stat.S_IMODE((cloud.state_dir / "localcloud.json").stat().st_mode) == 0o600
    page = {
        "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters",
        "Origin": "https://example.org",
    }
    for method, path, headers in [
        ("POST", "/_localcloud/stop-functions", {}),
        (
            "POST",
            "/",
            {**page, "Authorization": "AWS4-HMAC-SHA256 Credential=x/1/us-east-1/ecs/aws4_request"},
        ),
        ("OPTIONS", "/", {**page, "Access-Control-Request-Method": "POST"}),
        ("GET", "/?X-Amz-Credential=x", {}),
    ]:
        answer = urllib3.request(method, f"{cloud.endpoint_url}{path}", headers=headers, body="{}")
        assert answer.status == 403
        assert "cosmic-fmi local status --env" in answer.data.decode()
        assert "Access-Control-Allow-Origin" not in answer.headers
    s3 = client(cloud, "s3")
    s3.create_bucket(Bucket="presigned")
    url = s3.generate_presigned_url("list_objects", Params={"Bucket": "presigned"})
    assert urllib3.request("GET", url).status == 200


@pytest.mark.parametrize("what", ["removed", "moved"])
def test_a_daemon_whose_folder_is_gone_ends(own: EmbeddedAWS, tmp_path: Path, what: str) -> None:
    processes = family(own)
    if what == "removed":
        shutil.rmtree(own.state_dir)
    else:
        own.state_dir.rename(tmp_path / "elsewhere")
        # The folder's new name is another place: its own daemon starts as soon as the other has ended.
        with EmbeddedAWS(tmp_path / "elsewhere", FUNCTIONS) as other:
            assert other.instance_id != own.instance_id
    assert psutil.wait_procs(processes, timeout=15)[1] == []


@pytest.mark.parametrize("state_file", ["as it is", "of another version"])
def test_a_daemon_that_does_not_answer_is_stopped_all_the_same(own: EmbeddedAWS, state_file: str) -> None:
    daemon, *children = family(own)
    daemon.suspend()
    if state_file != "as it is":
        (own.state_dir / "localcloud.json").write_text('{"pid": 1}')
    assert EmbeddedAWS(own.state_dir, FUNCTIONS).stop(timeout=0.5) is True
    assert not [process for process in (daemon, *children) if process.is_running()]


def test_a_daemon_that_answers_late_is_found_and_none_started_beside_it(own: EmbeddedAWS) -> None:
    """Later than a loaded machine takes, and before a second one would have given up."""
    daemon = psutil.Process(int((own.state_dir / "localcloud.lock").read_text()))
    daemon.suspend()
    later = Timer(7.0, daemon.resume)
    later.start()
    other = EmbeddedAWS(own.state_dir, FUNCTIONS)
    other.start()
    later.join()
    assert other.instance_id == own.instance_id


def test_a_daemon_knows_that_its_code_was_changed_since(
    own: EmbeddedAWS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not own.outdated
    monkeypatch.setattr(embedded, "_PACKAGE", tmp_path)
    changed = tmp_path / "daemon.py"
    changed.touch()
    os.utime(changed, (time.time() + 60,) * 2)
    assert own.outdated


def test_failing_start_shows_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} is taken; choose another with --port"):
            EmbeddedAWS(tmp_path, FUNCTIONS, port).start()
    with pytest.raises(StartError, match="is not a folder"):
        EmbeddedAWS(tmp_path, tmp_path / "missing").start()


def test_containers_without_an_engine_are_refused_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    with pytest.raises(
        StartError, match=r"no Docker engine answers: start Docker .* or do without containers"
    ):
        EmbeddedAWS(tmp_path, FUNCTIONS, runtime="container").start()


def test_nothing_is_known_before_the_start(tmp_path: Path) -> None:
    cloud = EmbeddedAWS(tmp_path, FUNCTIONS)
    with pytest.raises(RuntimeError, match=r"call start\(\) first"):
        _ = cloud.endpoint_url
    cloud.stop()


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "cosmic_fmi", "local", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=FUNCTIONS.parents[3],
    )


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = ("--state-dir", str(tmp_path / "localcloud"))
    assert command("status", *place).returncode == 1
    started = command("start", "--detach", *place, "--code-root", str(FUNCTIONS))
    assert started.returncode == 0, started.stderr
    assert "localcloud runs at http://127.0.0.1:" in started.stdout
    assert "localcloud runs at" in command("status", *place).stdout
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:" in command("status", "--env", *place).stdout
    monkeypatch.setenv("COSMIC_STATE", str(tmp_path))
    assert "functions run in" in command("logs").stdout
    assert command("stop", *place).stdout == "localcloud stopped\n"
    assert command("stop", *place).stdout == "localcloud was not running\n"


def test_command_line_names_bad_arguments() -> None:
    wrong = command("start", "--port", "99999")
    assert wrong.returncode == 2
    assert "from 0 to 65535" in wrong.stderr
    assert "cosmic-fmi local start --detach" in command("--help").stdout


def test_ctrl_c_ends_the_foreground_daemon_in_order(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "cosmic_fmi",
            "local",
            "start",
            "--state-dir",
            str(tmp_path),
            "--code-root",
            str(FUNCTIONS),
        ],
        stderr=subprocess.DEVNULL,
        cwd=FUNCTIONS.parents[3],
    )
    wait_for(lambda: EmbeddedAWS.attach(tmp_path), "the start")
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(15) == 0
    assert not (tmp_path / "localcloud.json").exists()


def test_who_reads_the_first_line_of_the_log_only_sees_no_traceback(tmp_path: Path) -> None:
    (tmp_path / LOG_FILE).write_text("a line\n" * 100_000)  # more than a pipe holds
    command = [
        sys.executable,
        "-m",
        "cosmic_fmi",
        "local",
        "logs",
        "--state-dir",
        str(tmp_path),
        "--lines",
        "100000",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "a line\n"
        process.stdout.close()  # as `| head -1` does
        assert process.stderr.read() == ""
        assert process.wait(60) == 1
