from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import NoCredentialsError
from rich.console import Console

from cosmic_fmi.cli.experiments import destroy
from cosmic_fmi.cli.experiments import run as run_experiment
from cosmic_fmi.experiment.errors import TargetError
from cosmic_fmi.experiment.paths import REPOSITORY
from cosmic_fmi.experiment.plan.inputs import Input
from cosmic_fmi.experiment.plan.plan import Plan, Setting
from cosmic_fmi.experiment.plan.record import SweepRecord
from cosmic_fmi.experiment.ui.command import guarded
from cosmic_fmi.experiment.ui.console import Reporter

SWEEP = REPOSITORY / "examples" / "sweep.yaml"


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
        (["--partition-mb", "0"], "above 0"),
        (["--files", "none"], "at least 1"),
        (["--warm-up", "-1"], "at least 0"),
        (["--budget", "free"], "above 0"),
        (["--sweep", "no-such-file.yaml"], "no such file"),
        (["--sweep", str(SWEEP), "--world-size", "2"], "--world-size: put it into"),
        (["--sweep", str(SWEEP), "--script", __file__], "script: put it into"),
        (["--seed", "1", "--no-shuffle"], "not allowed with"),
        (["--quiet", "--json-lines"], "not allowed with"),
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


def test_a_dry_run_on_this_machine_needs_nothing_but_the_repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--sweep", str(SWEEP), "--dry-run", "--json-lines", "--output", str(tmp_path / "out")]
    assert run_experiment.main(arguments) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    planned = [event for event in events if event["event"] == "planned"]
    assert len(planned) == 27
    [whole] = [event for event in events if event["event"] == "plan"]
    assert whole["runs"] == 27
    assert {event["seconds"] for event in [*planned, whole]} == {None}, "nothing has run on this machine yet"
    assert whole["cost_usd"] > sum(event["cost_usd"] for event in planned)
    assert not (tmp_path / "out").exists()


def test_a_sweep_that_the_sample_is_too_small_for_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--partition-mb", "25", "--files", "4", "--dry-run", "--output", str(tmp_path / "out")]
    assert run_experiment.main(arguments) == 1
    assert "the sample has only 2 partitions of 25 MB, not 4" in " ".join(capsys.readouterr().out.split())


def test_a_sweep_is_continued_on_its_own_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SweepRecord(Plan((Setting(world_size=2),)), Input(), "aws").write(tmp_path)
    assert run_experiment.main(["--resume", "--output", str(tmp_path)]) == 1
    assert "made with --target aws" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("content", ["{", "[]", '{"schema_version": 1}', '{"schema_version": 2}'])
def test_a_damaged_or_foreign_record_of_a_sweep_is_a_sentence(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sweep.json").write_text(content)
    assert run_experiment.main(["--resume", "--output", str(tmp_path)]) == 1
    assert "sweep.json" in capsys.readouterr().out
    assert (tmp_path / "sweep.json").read_text() == content


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


def test_destroy_of_aws_without_anybody_to_ask_destroys_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert destroy.main(["--target", "aws"]) == 1
    assert "add --yes" in capsys.readouterr().out


def test_a_file_where_a_folder_should_be_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("")
    assert guarded(lambda: (tmp_path / "taken" / "x").write_text(""), Reporter()) == 1
    assert "Not a directory" in " ".join(capsys.readouterr().out.split())


def test_a_resumed_sweep_keeps_its_plan_and_its_budget(tmp_path: Path) -> None:
    settings = tmp_path / "sweep.yaml"
    settings.write_text("world_size: [8, 16]\nrepetitions: 3\nbudget_usd: 0.05\n")
    first = run_experiment.options_of(
        run_experiment.parser().parse_args(["--sweep", str(settings), "--output", str(tmp_path)])
    )
    SweepRecord(first.plan, first.input, "local", first.budget_usd).write(tmp_path)
    resumed = ["--resume", "--output", str(tmp_path)]
    again = run_experiment.options_of(run_experiment.parser().parse_args(resumed))
    assert again.budget_usd == 0.05
    assert again.plan.runs() == first.plan.runs()
    more = run_experiment.options_of(run_experiment.parser().parse_args([*resumed, "--runs", "5"]))
    assert more.plan.settings == first.plan.settings
    assert len(more.plan.runs()) == 10


def test_a_folder_without_a_sweep_cannot_be_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_experiment.main(["--resume", "--output", str(tmp_path / "swep")]) == 1
    assert "holds no sweep to continue" in " ".join(capsys.readouterr().out.split())


def test_logs_of_an_embedded_aws_that_is_gone_do_not_start_another(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "scripts" / "collect_logs.py"), "--list"],
        env={**os.environ, "COSMIC_STATE": str(tmp_path / "state")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "is not running" in done.stdout
    assert list(tmp_path.iterdir()) == []
