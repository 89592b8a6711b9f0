"""`cosmic-fmi local`, run as a user runs it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cosmic_fmi.localcloud import EmbeddedAWS
from cosmic_fmi.localcloud.state import LOG_FILE
from tests.cosmic_fmi.localcloud.conftest import FUNCTIONS, wait_for


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
    _check_faults()
    assert command("stop", *place).stdout == "localcloud stopped\n"
    assert command("stop", *place).stdout == "localcloud was not running\n"


def _check_faults() -> None:
    assert re.search(r"s3-slowdown +off", command("fault").stdout)
    assert re.search(
        r"s3-slowdown +0.3 .*task-start +60 ",
        command("fault", "set", "s3-slowdown=0.3", "task-start").stdout,
        re.S,
    )
    wrong = command("fault", "set", "rain")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("no such fault: 'rain'; there are inactive, ")
    assert re.search(
        r"s3-slowdown +off.*task-start +60 ", command("fault", "clear", "s3-slowdown").stdout, re.S
    )


def test_faults_of_the_environment_are_on_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ("--state-dir", str(tmp_path / "localcloud"))
    monkeypatch.setenv("LOCALCLOUD_FAULTS", "rain")
    refused = command("start", "--detach", *place, "--code-root", str(FUNCTIONS))
    assert refused.returncode == 1
    assert "localcloud cannot start: no such fault: 'rain'; there are inactive" in refused.stderr


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
