"""The client's side: start, find and stop a daemon, whatever state it is in."""

import os
import shutil
import socket
import time
from pathlib import Path
from threading import Timer

import boto3
import psutil
import pytest

from cosmic_fmi.localcloud import EmbeddedAWS, StartError
from cosmic_fmi.localcloud import client as embedded
from tests.cosmic_fmi.localcloud.conftest import FUNCTIONS
from tests.cosmic_fmi.localcloud.support.daemons import family


def test_environment_points_boto3_at_it(cloud: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    # boto3's own session may have looked for credentials before.
    assert boto3.Session().client("sts").get_caller_identity()["Account"] == "123456789012"


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
