"""The command line of a program of one's own, as users of mpiexec type it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosmic_fmi.cli.experiments.run import options_of, parse
from cosmic_fmi.experiment.plan.record import SweepRecord, read_record
from cosmic_fmi.experiment.sweep.session import Options


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a program and data."""
    (tmp_path / "pi.py").touch()
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options(line: str) -> Options:
    """What a command line asks for."""
    return options_of(parse(line.split()))


@pytest.mark.parametrize(
    "line",
    [
        "pi.py -n 16 -- --samples 5000",
        "-n 16 pi.py -- --samples 5000",
        "-n 16 --quiet pi.py -- --samples 5000",
        "--quiet pi.py --world-size 16 -- --samples 5000",
        "--memory 2048 -n 16 pi.py -- --samples 5000",
    ],
)
@pytest.mark.usefixtures("here")
def test_the_program_stands_anywhere(line: str) -> None:
    found = options(line)
    assert found.input.script == Path("pi.py")
    assert found.input.program.arguments == ("--samples", "5000")
    assert [item.world_size for item in found.plan.settings] == [16]


@pytest.mark.usefixtures("here")
def test_a_program_runs_once_unless_more_is_asked_for() -> None:
    assert [run.run_id for run in options("pi.py").plan.runs()] == ["pi-w4-1"]
    assert len(options("--script pi.py").plan.settings) == 3
    assert {item.world_size for item in options("-n 2 4 pi.py").plan.settings} == {2, 4}


def test_what_it_is_given_is_kept_for_resume(here: Path) -> None:
    given = "pi.py --data images --data-shared --env SEED=7 --env X=a=b --env-from T=ssm:/cosmic/scripts/t"
    found = options(f"{given} -- -- x")
    assert found.input.program.payload == {
        "arguments": ["--", "x"],
        "environment": {"SEED": "7", "X": "a=b"},
        "environment_from": {"T": "ssm:/cosmic/scripts/t"},
        "data_download": "shared",
    }
    assert found.input.program.data == str(here / "images")
    SweepRecord(found.plan, found.input, "local").write(here)
    assert read_record(here).input.program == found.input.program


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("none.py", "none.py: there is no such script or folder"),
        ("-n 4 none.py", "none.py: there is no such script or folder"),
        ("-n 0 pi.py", "argument --world-size/-n: '0': "),
        ("-n 4 -- --samples", "--: only for a program, as in cosmic-fmi run pi.py"),
        ("--data images", "--data: only for a program"),
        ("pi.py --script pi.py", "pi.py: leave it out, or --script"),
        ("pi.py -n 4 images", "only one program can be run"),
        ("pi.py --data-shared", "--data-shared needs --data"),
        ("pi.py --env SEED", "--env SEED: give NAME=VALUE"),
        ("pi.py --env-from T=/cosmic/x", "give the name of an SSM parameter, as in T=ssm:/cosmic/scripts/x"),
        ("pi.py --env DB_PASSWORD=hunter2", "give --env-from DB_PASSWORD=ssm:/cosmic/scripts/db_password"),
    ],
)
@pytest.mark.usefixtures("here")
def test_mistakes_end_with_status_2(line: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(line.split())
    assert stop.value.code == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
