"""Folders of results as Python sees them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import cosmic_fmi
from cosmic_fmi.api.on_rank import RETURNED
from cosmic_fmi.experiment.errors import ResultsError
from cosmic_fmi.experiment.results.folder import Summary
from cosmic_fmi.experiment.results.record import RunRecord
from tests.cosmic_fmi.experiment.support import rows
from tests.cosmic_fmi.experiment.support.sweeps import sweep


def kept(folder: Path, *records: RunRecord) -> Path:
    summary = Summary(folder)
    summary.prepare()
    for record in records:
        summary.add(record)
    return folder


def inference(run_id: str = "w2-b512-1") -> RunRecord:
    return RunRecord(rows.row(run_id), [], rows.predictions(run_id, 5))


@pytest.fixture
def swept(tmp_path: Path) -> cosmic_fmi.Results:
    summary = Summary(tmp_path / "swept")
    summary.prepare()
    summary.rows, summary.ranks = sweep(worlds=(1, 2, 4), repetitions=3)
    summary.write()
    return cosmic_fmi.results(summary.folder)


def test_the_newest_inference_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the script or function that was run after it."""
    monkeypatch.delenv("COSMIC_RESULTS", raising=False)
    old = kept(tmp_path / "results" / "1", inference())
    newer = kept(tmp_path / "results" / "2", inference(), RunRecord(rows.row("w4-1"), [], None))
    kept(tmp_path / "results" / "3", RunRecord(rows.row("hello-w4-1"), [], None))
    damaged = tmp_path / "results" / "4"
    damaged.mkdir()
    (damaged / "summary.json").write_text("{")
    for at, folder in enumerate((old, newer)):
        os.utime(folder / "summary.json", (at, at))
    monkeypatch.chdir(tmp_path)
    found = cosmic_fmi.results()
    assert found.folder.name == "2"
    assert found.newest.name == "w2-b512-1"
    assert found.newest.predictions.num_rows == 5
    assert "run_id" not in found.newest.predictions.column_names
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path / "docs")
    assert cosmic_fmi.results().folder.name == "2"
    monkeypatch.setenv("COSMIC_RESULTS", str(old))
    assert cosmic_fmi.results().folder == old


def test_without_one_it_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COSMIC_RESULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    kept(tmp_path / "results" / "3", RunRecord(rows.row("hello-w4-1"), [], None))
    with pytest.raises(ResultsError, match=r"no run with redshifts below .*results: type `make run`"):
        cosmic_fmi.results()


def test_medians_and_speedup(swept: cosmic_fmi.Results) -> None:
    times, gains = swept.median(), swept.speedup()
    assert list(times) == list(gains) == [1, 2, 4]
    assert gains[1].value == 1.0
    assert gains[4].value == pytest.approx(times[1].value / times[4].value)
    assert [len(group) for group in swept.by().values()] == [2, 2, 2]  # without the first, which were cold
    costs = swept.median(of=lambda run: run.cost_usd)
    assert costs[2].low <= costs[2].value <= costs[2].high


def test_the_model_is_of_these_runs(swept: cosmic_fmi.Results) -> None:
    assert "9 runs" in swept.model().source
    few, many = (swept.predict(world_size=world, galaxies=100_000) for world in (4, 40))
    assert many.seconds < few.seconds


def test_what_was_pickled_is_not_loaded_from_a_folder(tmp_path: Path) -> None:
    folder = kept(tmp_path / "old", RunRecord(rows.row("pi-w2-1"), [], None, output={0: ["hello", ""]}))
    rank = folder / "files" / "pi-w2-1" / "1"
    rank.mkdir(parents=True)
    (rank / RETURNED).write_bytes(b"no pickle")
    (rank / "stars.csv").write_text("")
    [run] = cosmic_fmi.results(folder).all_runs
    assert run.results == ()
    assert run.files == {0: [], 1: [rank / "stars.csv"]}
    assert run.output == {0: ["hello", ""]}


def test_a_table_of_ranks(tmp_path: Path) -> None:
    row = rows.row("pi-w2-1")
    ranks = [{"run_id": "pi-w2-1", "rank": rank, "status": "succeeded"} for rank in (1, 0)]
    run = cosmic_fmi.Run(row, tmp_path, ranks, [[1, 2], {"a": 3}])
    frame = run.to_pandas()
    assert list(frame.index) == [0, 1]
    assert frame["result"].tolist() == [[1, 2], {"a": 3}]
    assert repr(run).startswith("<Run pi-w2-1: succeeded, 10.0 s, $")
