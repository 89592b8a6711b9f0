"""A user's own program while it runs, when it is interrupted, and when it goes on."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from cosmic_fmi.experiment.paths import REPOSITORY
from tests.e2e.support.stack import Stack

PROGRAM = """
import os, sys
from pathlib import Path
import boto3
from words import GREETING

rank = os.environ["RANK"]
given = sys.argv[1:], os.environ["SEED"], len(os.environ["TOKEN"])
print(f"{GREETING} from rank {rank}: {given}", flush=True)
place = {"Bucket": os.environ["S3_BUCKET"], "Key": "test/go"}
boto3.client("s3").get_waiter("object_exists").wait(**place, WaiterConfig={"Delay": 1, "MaxAttempts": 100})
Path(os.environ["OUTPUT_PATH"], "data of this rank").write_text(
    " ".join(sorted(path.name for path in Path(os.environ["DATA_PATH"]).iterdir()))
)
print("done", flush=True)
"""
COMMAND = [sys.executable, "-m", "cosmic_fmi"]


def write(folder: Path) -> list[str]:
    """The program and its data; the command that runs it."""
    (folder / "data").mkdir()
    for number in range(3):
        (folder / "data" / f"{number}.csv").write_text(str(number))
    (folder / "hail.py").write_text(PROGRAM)
    (folder / "words.py").write_text('GREETING = "hail"')
    given = [
        "--data",
        str(folder / "data"),
        "--env",
        "SEED=7",
        "--env-from",
        "TOKEN=ssm:/cosmic/scripts/token",
    ]
    return [*COMMAND, "run", "-n", "2", str(folder / "hail.py"), *given, "--output", str(folder / "out")]


def test_lines_come_while_ranks_run_and_an_interrupted_run_goes_on(stack: Stack, tmp_path: Path) -> None:
    stack.target.clients.ssm.put_parameter(
        Name="/cosmic/scripts/token", Value="open sesame", Type="SecureString", Overwrite=True
    )
    running = subprocess.Popen(
        [*write(tmp_path), "--", "--samples", "5"],
        cwd=REPOSITORY,
        env=stack.environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    printed: list[str] = []
    wanted = {f"[{rank}] hail from rank {rank}: (['--samples', '5'], '7', 11)" for rank in range(2)}
    while not wanted <= {*printed}:  # the ranks wait for an object that is not there
        line = running.stdout.readline()
        assert line, printed
        printed.append(line.rstrip("\n"))
    running.send_signal(signal.SIGINT)
    rest = running.communicate(timeout=120)[0]
    assert running.returncode == 130, rest
    for rank in range(2):
        log = tmp_path / "out" / "logs" / "hail-w2-1" / f"{rank}.log"
        assert log.read_text().startswith(f"hail from rank {rank}")
    [command] = [
        line.removeprefix("To go on: ") for line in rest.splitlines() if line.startswith("To go on: ")
    ]

    stack.put("test/go", "")
    words = shlex.split(command)
    assert words[1:] == ["run", "--resume", "--output", str(tmp_path / "out")]
    again = subprocess.run(
        [*COMMAND, *words[1:], "--json-lines"],
        cwd=REPOSITORY,
        env=stack.environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    events = [json.loads(line) for line in again.stdout.splitlines()]
    lines = [
        (event["rank"], line) for event in events if event["event"] == "output" for line in event["lines"]
    ]
    assert [line for rank, line in lines if rank == 1] == [
        "hail from rank 1: (['--samples', '5'], '7', 11)",
        "done",
    ]
    [files] = [event for event in events if event["event"] == "files"]
    assert files["files"] == 2
    for rank, names in ((0, "0.csv 1.csv"), (1, "2.csv")):
        assert (Path(files["path"]) / str(rank) / "data of this rank").read_text() == names
    assert "sesame" not in "".join(path.read_text() for path in (tmp_path / "out").glob("*.json"))
