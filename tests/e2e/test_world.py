"""The sample through the whole chain: command, Terraform, state machine, functions, FMI, report."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from cosmic_fmi.experiment.schema import PHASES, ROW_KEYS, SCHEMA_VERSION
from inference.metrics import measure
from tests.e2e.support.stack import Stack


@pytest.fixture(scope="module")
def finished(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The output folder of a world of 2, and what the command printed."""
    output = tmp_path_factory.mktemp("world") / "out"
    done = stack.experiment(output, "--world-size", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return output, done.stdout


@pytest.fixture(scope="module")
def row(finished: tuple[Path, str]) -> dict[str, Any]:
    """The one row of summary.json."""
    rows = json.loads((finished[0] / "summary.json").read_text())
    assert len(rows) == 1
    found: dict[str, Any] = rows[0]
    return found


def test_summary_has_the_documented_keys(row: dict[str, Any]) -> None:
    assert tuple(row) == ROW_KEYS
    assert row["schema_version"] == SCHEMA_VERSION
    assert (row["status"], row["error"], row["world_size"], row["samples"]) == ("succeeded", None, 2, 1253)
    assert 0 < row["init_s"] + row["map_s"] + row["summarize_s"] <= row["duration_s"]


def test_phases_add_up_to_the_duration(row: dict[str, Any]) -> None:
    assert tuple(row["phases"]) == PHASES
    assert sum(row["phases"].values()) == pytest.approx(row["duration_s"])
    assert row["phases"]["inference"] > 0
    assert row["phases"]["start"] > 0


def test_what_was_asked_for_and_what_was_read(row: dict[str, Any]) -> None:
    assert (row["files"], row["warm_up"], row["repetition"]) == (16, False, 1)
    assert row["partition_mb"] * 16e6 == pytest.approx(row["data_bytes"])


def test_every_request_of_the_execution_is_found_in_the_logs(row: dict[str, Any]) -> None:
    # Two ranks, Initialize, Summarize, and as many looks for the rendezvous server as it took to start it.
    assert row["reports_found"] == row["reports_expected"] >= 5
    assert row["cold_starts"] + row["warm_starts"] == 2


def test_cost_is_the_sum_of_its_parts(row: dict[str, Any]) -> None:
    assert row["cost_usd"] > 0
    assert sum(row["cost_breakdown"].values()) == pytest.approx(row["cost_usd"], rel=1e-12)
    assert sum(line["amount_usd"] for line in row["cost_lines"]) == pytest.approx(row["cost_usd"])
    assert {line["item"] for line in row["cost_lines"]} == {
        item for item, amount in row["cost_breakdown"].items() if amount
    }


def test_every_galaxy_is_predicted_once(finished: tuple[Path, str]) -> None:
    table = pq.read_table(finished[0] / "predictions.parquet").to_pydict()
    assert len(set(table["object_id"])) == len(table["object_id"]) == 1253
    assert set(table["rank"]) == {0, 1}


def test_metrics_reduced_by_fmi_are_those_of_the_predictions(
    finished: tuple[Path, str], row: dict[str, Any]
) -> None:
    table = pq.read_table(finished[0] / "predictions.parquet").to_pydict()
    expected = measure(np.array(table["z_pred"]), np.array(table["z_true"])).as_dict()
    for name in ("MAE", "MSE", "Bias", "Precision", "R2"):
        assert row["metrics"][name] == pytest.approx(expected[name], rel=1e-6, abs=1e-9)
    assert row["metrics"]["R2"] > 0.8


def test_ranks_talked_to_each_other(finished: tuple[Path, str]) -> None:
    with (finished[0] / "ranks.csv").open(newline="") as file:
        ranks = list(csv.DictReader(file))
    assert [rank["rank"] for rank in ranks] == ["0", "1"]
    for rank in ranks:
        assert float(rank["fmi.bytes_received"]) > 0
        assert float(rank["report.billed_ms"]) >= float(rank["report.duration_ms"])


def test_report_and_table(finished: tuple[Path, str]) -> None:
    output, printed = finished
    report = (output / "report.html").read_text()
    assert "data:image/png;base64," in report
    assert (output / "runs.csv").is_file()
    assert list((output / "figures").glob("*.png"))
    assert str(output / "report.html") in printed
    assert "make destroy" in printed


def test_second_plan_shows_no_changes(stack: Stack) -> None:
    assert stack.target.pending_changes() == []
