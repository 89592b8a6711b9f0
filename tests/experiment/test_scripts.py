from __future__ import annotations

import io
import os
import signal
from pathlib import Path

import pytest
from botocore.exceptions import NoCredentialsError
from rich.console import Console

from experiment.command import guarded
from experiment.console import Reporter
from experiment.errors import TargetError
from scripts import destroy, run_experiment


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--world-size", "0"], "at least 1"),
        (["--world-size", "two"], "at least 1"),
        (["--world-size"], "expected at least one"),
        (["--batch-size", "-5"], "at least 1"),
        (["--memory", "64"], "between 128 and 10240"),
        (["--runs", "0"], "at least 1"),
        (["--target", "moon"], "invalid choice"),
        (["--payload", "no-such-file.json"], "no such file"),
        (["--resume"], "--output"),
        (["--bogus"], "unrecognized"),
    ],
)
def test_bad_arguments_exit_with_2(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run_experiment.main(arguments)
    assert stop.value.code == 2
    assert word in capsys.readouterr().err


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run_experiment.main(["--help"])
    assert stop.value.code == 0
    assert "--world-size 8 --batch-size 256" in capsys.readouterr().out


def test_a_folder_with_results_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "summary.json").write_text("[]")
    assert run_experiment.main(["--output", str(tmp_path)]) == 1
    assert "--resume" in capsys.readouterr().out


def test_a_bad_payload_ends_before_anything_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    payload = tmp_path / "p.json"
    payload.write_text("{")
    assert run_experiment.main(["--payload", str(payload), "--output", str(tmp_path / "out")]) == 1
    assert "not JSON" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_destroy_of_aws_asks_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "no")
    assert destroy.main(["--target", "aws"]) == 1
    assert "Nothing was destroyed" in capsys.readouterr().out


class Work:
    """Something to guard, that ends in a given way."""

    def __init__(self, error: BaseException | None = None, kill: int | None = None) -> None:
        self.error = error
        self.kill = kill

    def __call__(self) -> int:
        if self.kill is not None:
            os.kill(os.getpid(), self.kill)
        if self.error is not None:
            raise self.error
        return 0


@pytest.mark.parametrize(
    ("work", "status", "word"),
    [
        (Work(), 0, ""),
        (Work(TargetError("run `make deploy` first")), 1, "run `make deploy` first"),
        (Work(NoCredentialsError()), 1, "Unable to locate credentials"),
        (Work(kill=signal.SIGINT), 130, "Interrupted"),
        (Work(kill=signal.SIGTERM), 130, "Interrupted"),
    ],
)
def test_exit_statuses_and_sentences(work: Work, status: int, word: str) -> None:
    before = signal.getsignal(signal.SIGTERM)
    console = Console(file=io.StringIO(), record=True)
    assert guarded(work, Reporter(console)) == status
    text = console.export_text()
    assert word in text
    assert "Traceback" not in text
    assert signal.getsignal(signal.SIGTERM) == before
