"""Proposals keep to what is wished for, and say how near one can get."""

from __future__ import annotations

import json
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmic_fmi.cli.experiments import run as run_experiment
from cosmic_fmi.cli.experiments import simulate as command
from cosmic_fmi.cli.experiments import tune
from cosmic_fmi.common.lambda_limits import LONGEST_RUN_S
from cosmic_fmi.experiment.cost.prices import load_prices
from cosmic_fmi.experiment.cost.published import WHOLE_SET
from cosmic_fmi.experiment.errors import ModelError
from cosmic_fmi.experiment.model.goals import GOALS, Goal
from cosmic_fmi.experiment.model.observations import fitted, published
from cosmic_fmi.experiment.model.prediction import predict
from cosmic_fmi.experiment.model.scaling import Settings
from cosmic_fmi.experiment.model.tuned import outcome, write_outcome
from cosmic_fmi.experiment.model.tuning import (
    Choices,
    Objective,
    memory_needed,
    propose,
    within,
    worlds_up_to,
)
from cosmic_fmi.experiment.report import simulation
from cosmic_fmi.experiment.report.pictures import pictures
from cosmic_fmi.experiment.report.simulation import Work, for_aws
from cosmic_fmi.experiment.results.folder import Summary
from tests.cosmic_fmi.experiment.support import rows
from tests.cosmic_fmi.experiment.support.sweeps import SYSTEM, sweep

PRICES = load_prices()
CHOICES = Choices(worlds_up_to(32), (1769, 3538, 10_240), (64, 512))
DATA = (20_000, 64)


def kept(folder: Path) -> Path:
    summary = Summary(folder)
    summary.prepare()
    summary.rows, summary.ranks = sweep(worlds=(1, 2, 4, 8), memories=(2048, 8192), repetitions=2)
    summary.write()
    return folder


@given(st.sampled_from(GOALS), st.floats(2, 500), st.floats(0.0005, 0.1))
@settings(max_examples=40, deadline=None)
def test_a_proposal_keeps_to_the_limits_and_nothing_allowed_is_better(
    goal: Goal, deadline: float, budget: float
) -> None:
    objective = Objective(goal, deadline, budget)
    every = [
        predict(SYSTEM, Settings(world, memory, batch, *DATA), PRICES)
        for world in CHOICES.worlds
        for memory in CHOICES.memories_mb
        for batch in CHOICES.batches
    ]
    allowed = [one for one in every if one.seconds <= deadline and one.cost_usd <= budget and one.possible]
    try:
        best = propose(SYSTEM, DATA, CHOICES, objective, PRICES)[0]
    except ModelError as error:
        assert not allowed
        assert "the fastest takes" in str(error)
        return
    powers = {"cost": (0, 1), "time": (1, 0), "balanced": (1, 1)}[goal]
    weights = [one.seconds ** powers[0] * one.cost_usd ** powers[1] for one in (best, *allowed)]
    assert weights[0] == pytest.approx(min(weights))


def test_goals_pull_in_different_directions() -> None:
    cheap, fast, between = (
        propose(SYSTEM, DATA, CHOICES, Objective(goal), PRICES)[0] for goal in ("cost", "time", "balanced")
    )
    assert cheap.cost_usd <= between.cost_usd <= fast.cost_usd
    assert fast.seconds <= between.seconds <= cheap.seconds
    assert fast.settings.world_size > cheap.settings.world_size


def test_only_what_is_near_the_runs_is_proposed_from_them() -> None:
    assert within((32, 64, 256, 1024, 2048), [128, 512]) == [64, 256, 1024]
    assert within((1, 2), []) == within((1, 2), [100]) == [1, 2]


def test_memory_is_what_ranks_were_seen_to_use_and_some_more() -> None:
    assert memory_needed([{"report.max_memory_mb": "1000"}, {"report.max_memory_mb": ""}]) == 1300
    assert memory_needed([]) == 2048


def test_a_dry_run_only_proposes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "never"
    arguments = [
        "--target",
        "aws",
        "--from",
        str(kept(tmp_path / "sweep")),
        "--dry-run",
        "--output",
        str(output),
    ]
    assert tune.main([*arguments, "--goal", "time"]) == 0
    assert "predicted from 16 runs on AWS" in " ".join(capsys.readouterr().out.split())
    assert not output.exists()
    assert tune.main([*arguments, "--deadline", "0.001"]) == 1
    assert "no setting keeps to 0.001 s" in " ".join(capsys.readouterr().out.split())


def test_what_is_run_is_what_was_predicted_and_the_next_commands_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Namespace] = []

    def experiment(arguments: Sequence[str]) -> int:
        """A system that does what it was asked for, without AWS."""
        asked.append(run_experiment.parser().parse_args(arguments))
        options = asked[-1]
        summary = Summary(options.output)
        summary.prepare()
        summary.rows, summary.ranks = sweep(
            worlds=options.world_size,
            batches=options.batch_size,
            memories=options.memory,
            repetitions=options.runs,
        )
        summary.write()
        return 0

    monkeypatch.setattr(run_experiment, "main", experiment)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "tuned here"
    arguments = ["--from", str(kept(tmp_path / "sweep")), "--max-world", "20", "--output", str(folder)]
    assert tune.main(["--target", "aws", *arguments]) == 0
    printed = capsys.readouterr().out
    assert "galaxies in 20 partitions" in printed
    assert asked[0].files == [20]
    assert json.loads((folder / "tuning.json").read_text())["settings"]["partitions"] == 20
    commands = [shlex.split(line) for line in printed.splitlines() if line.startswith(("Next: ", "then: "))]
    installed = str(Path(sys.executable).with_name("cosmic-fmi"))  # as text, what was told can be run
    around, again = (
        words[words.index(installed) + 2 :]
        for words, name in zip(commands, ("run", "tune"), strict=True)
        if words[words.index(installed) + 1] == name
    )
    assert experiment(around) == 0
    assert asked[1].files == [20]
    assert tune.main([*again, "--dry-run"]) == 0


@pytest.mark.parametrize(
    "arguments", [["--deadline", "0"], ["--budget", "nan"], ["--payload", "x.json"], ["--goal", "fame"]]
)
def test_bad_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        tune.main(arguments)
    assert ended.value.code == 2


def test_how_far_a_prediction_was_off_is_told_by_part(tmp_path: Path) -> None:
    made, _ = sweep(worlds=(4,), repetitions=3, noise=0.0, slower=2.0)
    said = predict(SYSTEM, Settings(4, 3008, 512, *DATA), PRICES)
    found = outcome(said, [*made, rows.row(world_size=8)])
    assert found is not None
    lines = {name.strip(): off for name, _, _, off in found.lines()}
    assert lines["time (s)"] < -0.4
    parts = [off for name, off in lines.items() if name not in ("time (s)", "cost ($)")]
    assert sum(parts) == pytest.approx(lines["time (s)"])
    assert outcome(said, [rows.row(world_size=8)]) is None
    write_outcome(found, SYSTEM.source, tmp_path / "tuning.json")
    written = json.loads((tmp_path / "tuning.json").read_text())
    assert written["settings"]["world_size"] == 4
    assert {line["what"].strip() for line in written["lines"]} == set(lines)


def test_the_published_work_is_simulated_as_it_was_measured() -> None:
    found = simulation.simulate(published(), Work(WHOLE_SET.gigabytes), 1000, PRICES)
    assert found.seconds == pytest.approx(WHOLE_SET.lambda_s, rel=0.15)
    assert found.executions == 1


@given(st.floats(0.05, 5000), st.sampled_from([1, 10, 100, 1000]), st.integers(10, 200))
@settings(max_examples=40, deadline=None)
def test_simulated_work_keeps_to_the_account_and_to_lambda(
    gigabytes: float, limit: int, partition_mb: int
) -> None:
    work = Work(gigabytes, partition_mb)
    found = simulation.simulate(published(), work, limit, PRICES)
    assert found.one.settings.world_size <= limit
    assert found.one.rank_s <= LONGEST_RUN_S
    assert found.executions * (found.one.settings.partitions or 0) >= work.partitions
    assert found.executions * found.one.settings.galaxies >= work.galaxies


def test_runs_on_one_machine_say_nothing_about_aws_but_how_fast_inference_is() -> None:
    made, ranks = sweep(worlds=(1, 2, 4), target="local")
    for rank in ranks:
        rank["cpu_info.cores"] = 2
    model = fitted(made, ranks)
    assert model.cores == 2
    moved = for_aws(model)
    assert moved.cores is None
    for term in ("galaxy", "batch", "spill"):
        assert moved.coefficients[term] == model.coefficients[term]
    for term in ("serial", "rank", "cold", "byte", "message"):
        assert moved.coefficients[term] == published().coefficients[term]
    assert "model" in {picture.name for picture in pictures(made, ranks, rows.predictions("other"), model)}


def test_the_simulation_says_what_is_predicted_and_what_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(kept(tmp_path / "sweep")), "--concurrency", "1000"]) == 0
    printed = capsys.readouterr().out
    for part in ("measured: Lambda", "predicted: course", "predicted: these runs", "12.6 GB", "1 TB"):
        assert part in printed
    for impossible in ("-1", "1e300", "nan"):
        with pytest.raises(SystemExit):
            command.main(["--gigabytes", impossible])


def test_a_partition_that_no_function_can_finish_is_called_impossible(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["--gigabytes", "100", "--partition-mb", "50000", "--memory", "128", "--concurrency", "10"]
    assert command.main(asked) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("100 GB"))
    assert simulation.IMPOSSIBLE in line
    assert " h " not in line


def test_a_billion_gigabytes_are_simulated_as_well() -> None:
    found = simulation.simulate(published(), Work(1e9), 10, PRICES)
    assert 0.79 * LONGEST_RUN_S < found.one.rank_s <= 0.8 * LONGEST_RUN_S
