"""Two sweeps beside each other: what is told apart, and what is not."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmic_fmi.cli.experiments import compare as command
from cosmic_fmi.experiment.errors import ResultsError
from cosmic_fmi.experiment.report.compare import compare, headline
from cosmic_fmi.experiment.results.folder import Summary
from cosmic_fmi.experiment.results.groups import along, held
from cosmic_fmi.experiment.results.statistics import median, pooled_ratio, ratio
from cosmic_fmi.experiment.schema import RunRow
from tests.cosmic_fmi.experiment.support import rows
from tests.cosmic_fmi.experiment.support.sweeps import sweep

TIMES = st.lists(st.floats(0.1, 100.0), min_size=1, max_size=12)


def repeated(factor: float, runs: int, seed: int, worlds: tuple[int, ...] = (2, 4)) -> list[RunRow]:
    """Runs of about ten seconds times a factor, with a tenth of noise."""
    drawn = random.Random(seed)  # noqa: S311 - noise, not a secret
    return [
        rows.row(
            f"w{world}-{n}",
            world_size=world,
            duration_s=10 * factor * drawn.uniform(0.9, 1.1),
            cost_usd=0.001,
        )
        for world in worlds
        for n in range(runs)
    ]


def kept(folder: Path, made: list[RunRow]) -> Path:
    summary = Summary(folder)
    summary.prepare()
    summary.rows += made
    summary.write()
    return folder


@given(TIMES)
@settings(max_examples=40, deadline=None)
def test_an_interval_holds_the_median_and_stays_within_the_values(values: list[float]) -> None:
    found = median(values)
    assert min(values) <= found.low <= found.value <= found.high <= max(values)
    assert found.runs == len(values)
    assert found == median(values)


@given(TIMES, TIMES, st.floats(0.1, 10.0))
@settings(max_examples=40, deadline=None)
def test_a_ratio_knows_no_unit_and_is_turned_around(a: list[float], b: list[float], scale: float) -> None:
    found = ratio(a, b)
    assert ratio([scale * x for x in a], [scale * x for x in b]).value == pytest.approx(found.value)
    assert ratio(b, a).value == pytest.approx(1 / found.value)
    assert pooled_ratio([(a, b)]).value == pytest.approx(found.value)


def test_a_real_difference_is_found_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = kept(tmp_path / "before", repeated(1.0, 6, seed=1))
    b = kept(tmp_path / "after", repeated(0.5, 6, seed=2))
    output = tmp_path / "out"
    assert command.main([str(a), str(b), "--output", str(output)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "2 settings differ beyond noise" in printed
    with (output / "compare.csv").open(newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["measure"] == "duration_s"]
    assert [line["verdict"] for line in lines] == ["B is lower"] * 2
    for line in lines:
        assert float(line["95 % from"]) <= float(line["B/A"]) <= float(line["to"]) < 0.7
    assert "beyond noise" in (output / "compare.html").read_text()
    assert {path.name for path in output.glob("*.png")} == {"compare-time.png", "compare-cost.png"}


def test_the_same_system_twice_is_within_noise() -> None:
    """5 % of 60 comparisons of a system with itself are 3; more than 7 of them come 1 time in 100."""
    found = [
        compare(repeated(1.0, 6, seed), repeated(1.0, 6, 1000 + seed), "duration_s") for seed in range(60)
    ]
    assert sum(any(item.beyond_noise for item in one.differences) for one in found) <= 7
    assert sum(not one.together.low <= 1 <= one.together.high for one in found) <= 7


def test_three_runs_are_too_few_for_one_setting_but_not_for_all_together() -> None:
    found = compare(repeated(1.0, 3, 1), repeated(0.5, 3, 2), "duration_s")
    assert {item.verdict for item in found.differences} == {"too few runs"}
    assert found.together.high < 0.7


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_nothing_is_claimed_over_all_settings_from_one_or_two_runs(runs: int) -> None:
    said = headline(compare(repeated(1.0, runs, 1), repeated(0.5, runs, 2), "duration_s"))
    assert ("too few runs to tell" in said) == (runs < 3)
    assert ("% lower" in said) == (runs >= 3)


def test_a_single_run_has_no_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor has a ratio to it: how far the single run is from its median nobody knows."""
    kept(tmp_path / "one", repeated(1.0, 1, 1, worlds=(2,)))
    kept(tmp_path / "five", repeated(1.0, 5, 2, worlds=(2,)))
    for first, second in (("one", "five"), ("five", "one")):
        folders = [str(tmp_path / first), str(tmp_path / second)]
        assert command.main([*folders, "--output", str(tmp_path / "out")]) == 0
        assert ", too few runs to tell" in " ".join(capsys.readouterr().out.split())
        with (tmp_path / "out" / "compare.csv").open(newline="") as file:
            assert {(line["95 % from"], line["to"]) for line in csv.DictReader(file)} == {("", "")}


def test_no_number_is_cut_on_a_narrow_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    folder = str(kept(tmp_path / "a", [{**row, "cost_usd": 0.0003092} for row in repeated(1.0, 2, 1)]))
    assert command.main([folder, folder, "--output", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert printed.count("0.0003092") == 4
    assert "…" not in printed


def test_a_source_may_have_any_name(tmp_path: Path) -> None:
    made = [
        rows.row(f"w{world}", world_size=world, source=source) for world, source in ((1, "x^{2$ $"), (2, "b"))
    ]
    folder = kept(tmp_path / "a", made)
    assert command.main([str(folder), str(folder), "--output", str(tmp_path / "out")]) == 0


def test_only_settings_of_both_are_compared() -> None:
    found = compare(repeated(1.0, 4, 1, (2, 4, 8)), repeated(1.0, 4, 2, (4, 16)), "duration_s")
    assert [item.setting.world_size for item in found.differences] == [4]
    assert (found.only_a, found.only_b) == (2, 1)


def test_sweeps_without_a_common_setting_are_refused() -> None:
    with pytest.raises(ResultsError, match="no setting in common"):
        compare(repeated(1.0, 2, 1, (2,)), repeated(1.0, 2, 1, (4,)), "duration_s")


def test_equal_values_are_no_difference() -> None:
    made, _ = sweep(worlds=(1, 2), repetitions=5, noise=0.0)
    found = compare(made, made, "cost_usd")
    assert not any(item.beyond_noise for item in found.differences)
    assert all(item.ratio.value == 1 for item in found.differences)


def test_a_folder_without_results_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = kept(tmp_path / "a", repeated(1.0, 2, 1))
    assert command.main([str(a), str(tmp_path / "nothing")]) == 1
    assert "holds no results" in " ".join(capsys.readouterr().out.split())


def test_a_sweep_in_which_every_run_failed_is_named() -> None:
    failed = [rows.row(status="failed", error="no")]
    with pytest.raises(ResultsError, match="no run of B succeeded"):
        compare(repeated(1.0, 2, 1), failed, "duration_s")


def test_two_targets_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = kept(tmp_path / "a", [rows.row()])
    there = kept(tmp_path / "b", [rows.row(target="aws")])
    output = tmp_path / "out"
    for a, b, said in [(here, there, True), (here, here, False)]:
        assert command.main([str(a), str(b), "--output", str(output)]) == 0
        note = "A ran on the embedded AWS, B on AWS in us-east-1 (x86_64)"
        assert (note in " ".join(capsys.readouterr().out.split())) is said
        assert (note in (output / "compare.html").read_text()) is said


def test_a_size_that_was_measured_a_little_differently_is_the_same_setting() -> None:
    a = [rows.row("w2", partition_mb=1.649), rows.row("w4", world_size=4, partition_mb=1.651)]
    b = [rows.row("w2", partition_mb=1.6512), rows.row("w4", world_size=4, partition_mb=1.6525)]
    found = compare(a, b, "duration_s")
    assert (len(found.differences), found.only_a, found.only_b) == (2, 0, 0)
    assert list(along(a, "world_size")) == [2, 4]
    assert "partitions of 1.6 MB" in held(a, "world_size")
