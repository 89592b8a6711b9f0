"""The standalone command, as a user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from inference.dataset import read
from inference.galaxies import Galaxies
from inference.metrics import measure
from inference.partitions import write, write_partitions


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inference.predict", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )


@pytest.fixture(scope="module")
def data(survey: Galaxies, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "sample.pt"
    write(path, survey[:300])
    return path


def test_predicts_a_file(data: Path, tmp_path: Path) -> None:
    done = command(
        "--data", str(data), "--device", "cpu", "--batch-size", "128", "--output", str(tmp_path / "out")
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    result = json.loads((tmp_path / "out/Results.json").read_text())
    table = pq.read_table(tmp_path / "out/predictions.parquet").to_pydict()
    assert table["object_id"] == list(range(300))
    assert table["z_true"] == read(data).redshift.tolist()
    expected = measure(np.array(table["z_pred"]), np.array(table["z_true"])).as_dict()
    assert {name: result[name] for name in expected} == pytest.approx(expected)
    assert result["R2"] > 0.85
    assert (result["num_samples"], result["num_batches"], result["batch_size"]) == (300, 3, 128)
    assert (tmp_path / "out/inference.png").stat().st_size > 5_000


def test_predicts_a_folder_of_partitions(survey: Galaxies, tmp_path: Path) -> None:
    write_partitions(tmp_path / "parts", survey[:25], count=11)
    done = command("--data", str(tmp_path / "parts"), "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert pq.read_table(tmp_path / "out/predictions.parquet")["object_id"].to_pylist() == list(range(25))


def test_help_shows_an_example() -> None:
    done = command("--help")
    assert done.returncode == 0
    assert "python -m inference.predict --data sample.pt" in done.stdout


@pytest.mark.parametrize(
    "bad", [[], ["--data", "x", "--batch-size", "0"], ["--data", "x", "--device", "tpu"]]
)
def test_bad_arguments_exit_with_2(bad: list[str]) -> None:
    done = command(*bad)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_bad_data_and_models_exit_with_1_and_one_sentence(data: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pt"
    broken.write_bytes(data.read_bytes()[:5000])
    for arguments, named in (
        (["--data", str(broken)], "broken.pt"),
        (["--data", str(data), "--model", str(broken)], "broken.pt"),
        (["--data", str(tmp_path / "nowhere.pt")], "nowhere.pt"),
    ):
        done = command(*arguments, "--output", str(tmp_path / "out"))
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("error: ")
        assert named in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_sample_script_makes_what_predict_reads(tmp_path: Path) -> None:
    script = [sys.executable, "scripts/make_sample.py", "--count", "20", "--partitions", "3"]
    subprocess.run([*script, "--output", str(tmp_path / "p")], check=True, capture_output=True, timeout=60)
    assert [len(read(tmp_path / f"p/{n}.pt")) for n in (1, 2, 3)] == [6, 7, 7]
    bad = subprocess.run(
        [*script[:-1], "0", "--output", str(tmp_path / "x")], check=False, capture_output=True, timeout=60
    )
    assert bad.returncode == 2
    nowhere = subprocess.run(
        [*script, "--output", str(tmp_path / "p" / "1.pt" / "x")],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (nowhere.returncode, nowhere.stderr.count("\n")) == (1, 1)
    assert "cannot write" in nowhere.stderr
