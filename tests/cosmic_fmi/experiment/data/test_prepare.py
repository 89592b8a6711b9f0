"""`cosmic-fmi data prepare` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import numpy as np
import pytest
import torch
from moto.server import ThreadedMotoServer

from cosmic_fmi.cli.models import data as prepare_data
from cosmic_fmi.experiment.paths import REPOSITORY
from inference.core.galaxies import Galaxies
from inference.data.dataset import read
from inference.data.partitions import partition_files, write
from inference.survey import synthetic

SCRIPT = REPOSITORY / "scripts" / "prepare_data.py"


@pytest.fixture(scope="module")
def galaxies() -> Galaxies:
    return synthetic.sample(150, seed=3)


@pytest.fixture
def data(galaxies: Galaxies, tmp_path: Path) -> Path:
    path = tmp_path / "sample.pt"
    dirty = Galaxies.concatenate([galaxies])
    dirty.magnitude[4] = -9999
    torch.save(
        [torch.from_numpy(getattr(dirty, name)) for name in ("image", "magnitude", "redshift", "object_id")],
        path,
    )
    return path


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="mine")
    yield f"http://{host}:{port}"
    server.stop()


def run(*arguments: object) -> int:
    return prepare_data.main(["prepare", *map(str, arguments)])


def test_a_folder_of_partitions(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arguments = ("--data", data, "--output", out, "--size", "1MB", "512 kb", "1mb", "--keep-outliers")
    assert run(*arguments) == 0
    printed = capsys.readouterr().out
    assert "150 objects read, 149 kept, 1 dropped:" in printed
    assert "        1  missing photometry" in printed
    assert "train/1MB: 104 galaxies in 2 partitions of 52" in printed
    ids = [
        read(path).object_id
        for part in ("train", "validation", "test")
        for path in partition_files(out / part / "512KB")
    ]
    assert sorted(np.concatenate(ids)) == sorted(set(range(150)) - {4})
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["read"], summary["kept"], summary["dropped"]["missing photometry"]) == (150, 149, 1)
    assert (out / "dropped.csv").read_text() == "row,object_id,reason\n4,4,missing photometry\n"
    assert run(*arguments) == 0
    assert "10 of 10 files, 10 there already" in capsys.readouterr().out
    assert run(*arguments, "--split", 100, 0, 0) == 1  # would leave what was validation and test beside it
    assert "is there already and none of the partitions" in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("place", [["--output", "out"], ["--upload", "s3://mine/x", "--target", "aws"]])
def test_another_split_is_not_written_over_the_one_that_is_there(
    data: Path, place: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(data.parent)
    arguments = ("--data", data, "--size", "1MB", *place)
    assert run(*arguments) == 0
    capsys.readouterr()
    assert run(*arguments, "--seed", 1) == 1  # as many partitions with other galaxies
    said = " ".join(capsys.readouterr().out.split())
    assert "summary.json: what is there was split in another way (seed 0): delete it or choose" in said
    assert run(*arguments) == 0


@pytest.mark.parametrize("split", [["none"], [70, 15, 15]])
def test_a_summary_of_something_else_is_not_written_over(
    data: Path, tmp_path: Path, split: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "summary.json").write_text("[1, 2]")
    assert run("--data", data, "--output", tmp_path, "--split", *split) == 1
    assert (tmp_path / "summary.json").read_text() == "[1, 2]"
    assert "summary.json is of something else" in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    ("place", "says"),
    [
        (["--output", "sample.pt/out"], "cannot write into"),
        (["--upload", "s3://not-mine/x", "--target", "aws"], "NoSuchBucket"),
    ],
)
def test_a_place_that_takes_nothing_is_known_before_the_data_is_read(
    data: Path,
    place: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(data.parent)
    assert run("--data", data, *place) == 1
    said = capsys.readouterr().out
    assert says in said
    assert "objects read" not in said


def test_an_upload_of_copies_that_is_resumed(
    data: Path, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--data", data, "--upload", "s3://mine/scaling", "--target", "aws", "--size", "512KB")
    assert run(*arguments, "--repeat-to", "8MB") == 0
    assert "512KB: 409 galaxies (copies of" in capsys.readouterr().out
    s3 = boto3.client("s3", endpoint_url=endpoint)
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="mine", Prefix="scaling/512KB/")["Contents"]]
    assert len(keys) == 16
    body = s3.get_object(Bucket="mine", Key="scaling/512KB/16.pt")["Body"].read()
    assert len(read(body, "16.pt")) == 409 - 15 * 26
    s3.delete_object(Bucket="mine", Key="scaling/512KB/9.pt")
    assert run(*arguments, "--repeat-to", "8MB") == 0
    assert "16 of 16 files, 15 there already" in capsys.readouterr().out
    assert run(*arguments, "--repeat-to", "4MB") == 1  # would leave 9.pt to 16.pt of the other set
    assert "is there already and none of the partitions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--data", "missing.pt"], "missing.pt: cannot be read"),
        (["--data", "here.txt"], "neither a folder nor"),
        (["--data", "sample.pt", "--normalise", "here.txt"], "is not the normalisation.json"),
    ],
)
def test_bad_data_is_one_sentence(
    data: Path,
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(data.parent)
    Path("here.txt").touch()
    assert run(*arguments, "--output", "out") == 1
    printed = capsys.readouterr().out
    assert says in printed
    assert "Traceback" not in printed
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--data"),
        (["--data", "x.pt"], "give --output, --upload or both"),
        (["--data", "x.pt", "--output", "o", "--size", "25"], "not a size such as 25MB"),
        (["--data", "x.pt", "--output", "o", "--size", "5GB"], "at most 4GB"),
        (["--data", "x.pt", "--output", "o", "--seed", "-1"], "at least 0"),
        (["--data", "x.pt", "--output", "o", "--split", "50", "50"], "three shares"),
        (["--data", "x.pt", "--output", "o", "--split", "0", "50", "50"], "the first above 0"),
        (["--data", "x.pt", "--output", "o", "--split", "1", "nan", "1"], "three shares"),
        (["--data", "x.pt", "--output", "o", "--split", "none", "--normalise"], "give its path"),
    ],
)
def test_bad_arguments_exit_with_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2
    assert says in capsys.readouterr().err


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("--help")
    assert "cosmic-fmi data prepare --data sample.pt --output prepared --size 25MB" in capsys.readouterr().out


def test_ctrl_c_leaves_whole_files_and_the_next_run_goes_on(galaxies: Galaxies, tmp_path: Path) -> None:
    write(tmp_path / "a.pt", galaxies)
    out = tmp_path / "out"
    command = [sys.executable, str(SCRIPT), "--data", str(tmp_path / "a.pt"), "--output", str(out)]
    command += ["--size", "64KB", "--repeat-to", "1TB"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert any(line.startswith("Making partitions") for line in process.stdout)
    while not (out / "64KB" / "20.pt").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130, printed
    assert "Traceback" not in printed
    for path in partition_files(out / "64KB"):
        assert len(read(path)) == 4
