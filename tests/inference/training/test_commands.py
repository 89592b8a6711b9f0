"""The two commands: a few steps of the shipped configuration, resuming, Ctrl-C, and their errors."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from cosmic_fmi.cli.models import pretrain as pretrain_command
from cosmic_fmi.cli.models import train as train_command
from inference.checkpoints import checkpoint
from inference.core.config import SMALL
from inference.core.galaxies import Galaxies
from inference.data.partitions import write_partitions
from inference.training import parts, recipe
from tests.inference.network.test_astromae import TINY

# Learning is nothing but arithmetic, and takes as long as the machine leaves it.
pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def data(survey: Galaxies, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared data: partitions in the folders train, validation and test."""
    folder = tmp_path_factory.mktemp("prepared")
    for name, rows in (("train", slice(0, 384)), ("validation", slice(384, 448)), ("test", slice(448, 576))):
        write_partitions(folder / name / "1MB", survey[rows], count=2)
    return folder


@pytest.fixture(scope="module", autouse=True)
def tiny() -> Iterator[None]:
    """Another size to choose, for what does not depend on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipe.SIZES, "tiny", TINY)
        yield


def weights(path: Path) -> dict[str, torch.Tensor]:
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def pretrain(data: Path, output: Path, *more: str) -> int:
    options = ["--data", str(data), "--output", str(output), "--batch-size", "64", "--epochs", "2"]
    return pretrain_command.main([*options, "--device", "cpu", "--threads", "1", "--size", "tiny", *more])


def train(data: Path, encoder: Path, output: Path, *more: str) -> int:
    options = ["--data", str(data), "--output", str(output), "--batch-size", "32", "--epochs", "4"]
    return train_command.main(
        [*options, "--encoder", str(encoder), "--device", "cpu", "--threads", "1", *more]
    )


@pytest.fixture(scope="module")
def encoder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pretrain")
    assert pretrain(data, folder) == 0
    return folder / "encoder.safetensors"


def test_the_shipped_configuration_learns_in_a_few_steps(data: Path, tmp_path: Path) -> None:
    assert pretrain(data, tmp_path, "--size", "small", "--epochs", "1") == 0
    encoder = tmp_path / "encoder.safetensors"
    assert train(data, encoder, tmp_path / "train") == 0
    loaded = checkpoint.load(tmp_path / "train" / "astromae.safetensors")
    training = json.loads(loaded.metadata["training"])
    assert loaded.model.config == SMALL
    assert training["held_out"]["num_samples"] == 128
    assert training["held_out"]["R2"] > 0.5
    assert training["pretraining"]["recipe"]["epochs"] == 1
    before, after = weights(encoder), weights(tmp_path / "train" / "astromae.safetensors")
    assert all(torch.equal(after[name], before[name]) for name in before if name.startswith("blocks."))


def test_pretraining_resumes_to_the_last_bit(data: Path, encoder: Path, tmp_path: Path) -> None:
    assert pretrain(data, tmp_path, "--stop-after", "1") == 0
    assert not (tmp_path / "encoder.safetensors").exists()
    assert pretrain(data, tmp_path, "--resume") == 0
    ours, theirs = weights(tmp_path / "encoder.safetensors"), weights(encoder)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_fine_tuning_resumes_to_the_last_bit(data: Path, encoder: Path, tmp_path: Path) -> None:
    short = ("--epochs", "2", "--batch-size", "64")
    assert train(data, encoder, tmp_path / "whole", *short) == 0
    assert train(data, encoder, tmp_path / "parts", *short, "--stop-after", "1") == 0
    assert train(data, encoder, tmp_path / "parts", *short, "--resume") == 0
    ours, theirs = (weights(tmp_path / name / "astromae.safetensors") for name in ("parts", "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_run_does_not_go_on_with_another_encoder(
    data: Path, encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ("--epochs", "2", "--batch-size", "64")
    assert train(data, encoder, tmp_path / "run", *short, "--stop-after", "1") == 0
    assert pretrain(data, tmp_path / "other", "--epochs", "1") == 0
    assert train(data, tmp_path / "other" / "encoder.safetensors", tmp_path / "run", *short, "--resume") == 1
    assert "was started otherwise (encoder " in capsys.readouterr().err


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_run_does_not_go_on_with_other_galaxies(
    survey: Galaxies, tmp_path: Path, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the same number and magnitudes."""
    for name in ("train", "validation", "test"):
        write_partitions(tmp_path / "data" / name, survey[:64], count=1)
    small = ("--epochs", "2", "--batch-size", "32")
    assert pretrain(tmp_path / "data", tmp_path / "out", *small, "--stop-after", "1") == 0
    brighter = Galaxies(
        2 * survey.image[:64], survey.magnitude[:64], survey.redshift[:64], survey.object_id[:64]
    )
    write_partitions(tmp_path / "data" / part, brighter, count=1)
    assert pretrain(tmp_path / "data", tmp_path / "out", *small, "--resume") == 1
    assert "was started otherwise (" + part in capsys.readouterr().err


def test_galaxies_prepared_in_two_sizes_count_once(data: Path, survey: Galaxies, tmp_path: Path) -> None:
    for name in ("train", "validation", "test"):
        for size, count in (("10MB", 3), ("25MB", 1)):
            write_partitions(tmp_path / name / size, survey[:90], count=count)
    found = parts.folder_parts(tmp_path)
    assert len(found.train) == len(found.validation) == len(found.test) == 90
    assert np.array_equal(found.train.object_id, survey.object_id[:90])
    # Of files without ids, galaxies of one number are not copies.
    assert len(parts.folder_parts(data).train) == 384


def test_synthetic_galaxies_are_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.training.parts.VALIDATION", 32)
    monkeypatch.setattr("inference.training.parts.HELD_OUT", 48)
    small = ["--galaxies", "64", "--epochs", "1", "--device", "cpu", "--threads", "1"]
    assert pretrain_command.main(["--output", str(tmp_path / "a"), "--size", "tiny", *small]) == 0
    encoder = tmp_path / "a" / "encoder.safetensors"
    assert train_command.main(["--output", str(tmp_path / "b"), "--encoder", str(encoder), *small]) == 0
    loaded = checkpoint.load(tmp_path / "b" / "astromae.safetensors")
    training = json.loads(loaded.metadata["training"])
    assert (training["seed"], training["galaxies"]) == (20_240_901, 64)
    assert training["held_out"]["num_samples"] == 48
    assert loaded.model.config == TINY


def test_ctrl_c_keeps_the_last_epoch(data: Path, encoder: Path, tmp_path: Path) -> None:
    options = ["--data", str(data), "--output", str(tmp_path), "--batch-size", "32", "--epochs", "1000"]
    command = [sys.executable, "scripts/train.py", "--encoder", str(encoder), *options, "--patience", "1000"]
    with subprocess.Popen(
        [*command, "--device", "cpu", "--threads", "1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if "epoch 2:" in line:
                break
        process.send_signal(signal.SIGINT)
        complaint = process.stderr.read()
    assert process.returncode == 130
    assert "--resume" in complaint
    assert "Traceback" not in complaint
    state = torch.load(tmp_path / "last.pt", weights_only=True)
    assert len(state["epochs"]) >= 2
    assert json.loads((tmp_path / "curves.json").read_text())[: len(state["epochs"])] == state["epochs"]


def test_an_earlier_run_is_never_overwritten(
    data: Path, encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ("--epochs", "2", "--batch-size", "64")
    assert pretrain(data, tmp_path / "stopped", "--stop-after", "1") == 0
    assert train(data, encoder, tmp_path / "whole", *short) == 0
    (tmp_path / "whole" / "last.pt").unlink()
    for folder, name in (("stopped", "last.pt"), ("whole", "astromae.safetensors")):
        before = {path: path.read_bytes() for path in (tmp_path / folder).iterdir()}
        learn = partial(pretrain, data) if folder == "stopped" else partial(train, data, encoder)
        assert learn(tmp_path / folder) == 1
        complaint = capsys.readouterr().err
        assert f"{name}: an earlier run's" in complaint
        assert "--resume" in complaint
        assert {path: path.read_bytes() for path in (tmp_path / folder).iterdir()} == before


def test_a_network_that_cannot_be_written_is_one_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pretrain(data, tmp_path, "--stop-after", "1") == 0
    (tmp_path / "encoder.safetensors").mkdir()
    assert pretrain(data, tmp_path, "--resume") == 1
    assert "encoder.safetensors: Is a directory." in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_takes_no_files_is_known_before_the_work(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert pretrain_command.main(["--output", str(tmp_path / place)]) == 1
    found = capsys.readouterr()
    assert found.out == ""  # no galaxies were made
    assert f"cannot write into {tmp_path / place} (" in found.err
    assert "choose another --output" in found.err


def test_missing_parts_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pretrain_command.main(["--data", str(tmp_path), "--output", str(tmp_path / "out")]) == 1
    assert "train: holds no .pt or .safetensors files" in capsys.readouterr().err


def test_a_missing_encoder_is_one_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(data, tmp_path / "none.safetensors", tmp_path) == 1
    assert "not a readable safetensors file" in capsys.readouterr().err
    nothing = [str(tmp_path / "none.safetensors"), "--output", str(tmp_path / "out")]
    assert train_command.main(["--encoder", *nothing, "--device", "cpu"]) == 1
    assert capsys.readouterr().out == "", "no galaxies were made for it"


@pytest.mark.parametrize(
    "bad",
    [
        *(["--epochs", "0"], ["--galaxies", "-1"], ["--learning-rate", "0"], ["--learning-rate", "nan"]),
        ["--learning-rate", "1e38"],
        *(["--seed", "-1"], ["--seed", str(2**64)], ["--size", "x"]),
        ["--device", "cpu", "--precision", "float16"],
    ],
)
def test_bad_arguments(bad: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        pretrain_command.main(["--output", str(tmp_path / "x"), *bad])
    assert caught.value.code == 2
