"""The standalone command, as a user runs it."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from inference import plots, predict
from inference.core.galaxies import Galaxies
from inference.data.dataset import read
from inference.data.partitions import write, write_partitions
from inference.metrics import measure

ROOT = Path(__file__).resolve().parents[2]


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
    # What reads a rank's result reads this one too.
    assert {value for key, value in result.items() if key.startswith("s3_")} == {0}
    assert result["fmi"]["bytes_sent"] == 0


def test_what_pip_installs_predicts_without_the_repository(data: Path, tmp_path: Path) -> None:
    commands = ("egg_info", "--egg-base", str(tmp_path), "build_py", "--build-lib", str(tmp_path / "site"))
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", *commands],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=100,
    )
    done = subprocess.run(
        [sys.executable, "-m", "inference.predict", "--data", str(data), "--output", str(tmp_path / "out")],
        cwd=tmp_path / "site",  # comes before everything that is installed
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "300 samples" in done.stdout


def test_predicts_a_folder_of_partitions(survey: Galaxies, tmp_path: Path) -> None:
    write_partitions(tmp_path / "parts", survey[:25], count=11)
    done = command("--data", str(tmp_path / "parts"), "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert pq.read_table(tmp_path / "out/predictions.parquet")["object_id"].to_pylist() == list(range(25))


def test_a_picture_of_an_earlier_run_does_not_stay(survey: Galaxies, tmp_path: Path) -> None:
    few = survey[:20]
    write(tmp_path / "known.pt", few)
    write(
        tmp_path / "unknown.pt",
        Galaxies(few.image, few.magnitude, np.full(len(few), np.nan), few.object_id),
    )
    for name, there in (("known.pt", True), ("unknown.pt", False)):
        done = command("--data", str(tmp_path / name), "--output", str(tmp_path / "out"))
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "out" / "inference.png").exists() is there


def test_results_that_could_not_all_be_written_are_not_called_results(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(data), "--device", "cpu", "--output", str(tmp_path)]
    assert predict.main(arguments) == 0

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(plots, "scatter", full)
    assert predict.main(arguments) == 1
    assert "No space left" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.parquet"]


def test_help_shows_an_example() -> None:
    done = command("--help")
    assert done.returncode == 0
    assert "python -m inference.predict --data sample.pt" in done.stdout


@pytest.mark.parametrize(
    "bad",
    [
        [],
        ["--data", "x", "--batch-size", "0"],
        ["--data", "x", "--batch-size", "²"],
        ["--data", "x", "--device", "tpu"],
    ],
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


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--partitions", "0", "--output", "x"], 2, "--partitions between"),
        (["--seed", "-1", "--output", "x.pt"], 2, "--seed must not be negative"),
        (["--output", "x.npz"], 2, "--output must end in .pt or .safetensors"),
        (["--output", "nowhere/x.pt"], 1, "cannot write nowhere/x.pt"),
        (["--partitions", "2", "--output", "parts/1.pt/x"], 1, "cannot write parts/1.pt/x"),
        (
            ["--partitions", "2", "--output", "parts"],
            1,
            "parts: holds other partitions already, such as 3.pt",
        ),
    ],
)
def test_a_sample_that_cannot_be_written_is_one_sentence(
    survey: Galaxies, tmp_path: Path, arguments: list[str], status: int, says: str
) -> None:
    write_partitions(tmp_path / "parts", survey[:6], count=3)
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "make_sample.py"), "--count", "20", *arguments],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert [len(read(path)) for path in sorted((tmp_path / "parts").iterdir())] == [2, 2, 2]


def test_a_place_that_takes_no_files_is_known_before_the_work(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = command("--data", str(data), "--output", str(tmp_path / "file"))
    assert done.returncode == 1
    assert done.stderr == (
        f"error: cannot write into {tmp_path / 'file'} (File exists): choose another --output.\n"
    )
