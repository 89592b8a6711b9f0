"""`python -m fmi`, run as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.fmi.support.services import Services

PATIENCE_S = 60


def fmi(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fmi", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["hello", "--ranks", "3"], "rank 2 of 3 says hello"),
        (["ring", "--ranks", "3"], "around 3 ranks"),
        (["pingpong"], "one way"),
    ],
)
def test_the_programs_run_on_a_world_of_their_own(arguments: list[str], words: str) -> None:
    done = fmi(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert words in done.stdout


def test_bench_over_another_channel(services: Services) -> None:
    port = services.config("Redis")["backends"]["Redis"]["port"]
    done = fmi("bench", "--channel", "Redis", "--set", f"port={port}")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(word in done.stdout for word in ("barrier", "bcast", "allreduce", "allgather", "1,048,576"))


def test_calibrate_writes_constants_and_keeps_prices(services: Services, tmp_path: Path) -> None:
    config = services.config("Direct", "Redis")
    config["model"] = {"Redis": {"overhead": 5.2, "bandwidth": 100, "instance_price": 0.5}}
    source, output = tmp_path / "fmi.json", tmp_path / "calibrated.json"
    source.write_text(json.dumps(config))
    done = fmi("calibrate", "--config", str(source), "--output", str(output))
    assert (done.returncode, done.stderr) == (0, "")
    content = json.loads(output.read_text())
    assert content["backends"] == config["backends"]
    assert content["model"]["Redis"]["instance_price"] == 0.5
    assert 0 < content["model"]["Redis"]["overhead"] != 5.2
    assert content["model"]["Direct"]["bandwidth"] != 400
    assert content["model"]["FaaS"]["gib_second_price"] == 0.0000166667
    assert json.loads(source.read_text()) == config
    assert [path.name for path in tmp_path.iterdir()].count("calibrated.json") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["hello", "--ranks", "0"], 2, "--ranks"),
        (["pingpong", "--ranks", "1"], 2, "two ranks"),
        (["ring", "--ranks", "1000000"], 2, "memory holds about"),
        (["hello", "--channel", "Redis", "--set", "host"], 2, "NAME=VALUE"),
        (["hello", "--config", "nowhere.json"], 1, "nowhere.json"),
        (["hello", "--channel", "Pigeon"], 1, "Pigeon"),
        (["hello", "--channel", "Redis", "--set", "port=1"], 1, "127.0.0.1:1"),
        (["hello", "--channel", "S3"], 1, "bucket_name"),
    ],
)
def test_what_is_wrong_is_said_and_shown_in_the_exit_status(
    arguments: list[str], status: int, words: str
) -> None:
    done = fmi(*arguments)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "do not name a rank" not in done.stderr


def test_a_configuration_of_another_shape_is_a_sentence(tmp_path: Path) -> None:
    source = tmp_path / "fmi.json"
    source.write_text(json.dumps({"backends": ["Direct"]}))
    done = fmi("hello", "--config", str(source), "--channel", "Direct")
    assert done.returncode == 1
    assert '"backends" in the FMI configuration' in done.stderr
    assert "Traceback" not in done.stderr


def test_one_rank_of_a_world_takes_part(services: Services) -> None:
    direct = services.config("Direct")["backends"]["Direct"]
    world = {"WORLD_SIZE": "1", "RANK": "0", "RENDEZVOUS_HOST": direct["host"]}
    done = fmi("hello", **world, RENDEZVOUS_PORT=str(direct["port"]))
    assert (done.returncode, done.stdout) == (0, "rank 0 of 1 says hello\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_running_after_an_interrupt(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "fmi", "bench", "--ranks", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "operation" in process.stdout.readline()
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 4
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 130
        assert process.stderr
        assert process.stderr.read() == "Interrupted.\n"
    assert not any(child.is_running() for child in children)


def test_who_reads_the_first_line_only_sees_no_traceback() -> None:
    command = [sys.executable, "-m", "fmi", "bench"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        assert "operation" in process.stdout.readline()
        process.stdout.close()  # as `| head -1` does
        said = process.stderr.read()
        assert process.wait(PATIENCE_S) == 1
    assert "Traceback" not in said
