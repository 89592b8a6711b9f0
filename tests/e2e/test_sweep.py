"""A sweep from a file through the whole chain, its log collected again, and its memory put back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cosmic_fmi.experiment.paths import REPOSITORY
from tests.e2e.support.stack import Stack

SWEEP = """\
world_size: [1, 2]
memory_mb: 2048
partition_mb: 5
warm_up: 1
seed: 3
"""


@pytest.fixture(scope="module")
def sweep(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The output folder of a sweep, and the events that it printed."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "sweep.yaml").write_text(SWEEP)
    done = stack.experiment(folder / "out", "--sweep", str(folder / "sweep.yaml"), "--json-lines")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out", [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def rows(sweep: tuple[Path, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows of summary.json."""
    found: list[dict[str, Any]] = json.loads((sweep[0] / "summary.json").read_text())
    return found


def test_warm_ups_come_first_and_make_the_others_warm(rows: list[dict[str, Any]]) -> None:
    assert [row["warm_up"] for row in rows] == [True, False, False]
    assert rows[0]["world_size"] == 2
    assert rows[0]["cold_starts"] == 2
    assert [row["cold_starts"] for row in rows[1:]] == [0, 0]
    assert {row["world_size"] for row in rows[1:]} == {1, 2}
    assert [row["order"] for row in rows] == [0, 1, 2]


def test_settings_are_those_of_the_file_and_the_functions_memory_is_put_back(
    stack: Stack, rows: list[dict[str, Any]]
) -> None:
    assert {row["memory_mb"] for row in rows} == {2048}
    assert {row["files"] for row in rows} == {6}
    assert {row["samples"] for row in rows} == {1253}
    found = stack.target.clients.functions.get_function_configuration(
        FunctionName=stack.deployment.functions["execute"]
    )
    assert found["MemorySize"] == stack.deployment.executor_memory_mb


def test_the_rendezvous_server_tells_of_the_pairs(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["world_size"] == 1:
            assert row["rendezvous"] is None
        else:
            assert row["rendezvous"]["pairs"] >= 1
            assert 0 <= row["rendezvous"]["longest_wait_s"] <= row["rendezvous"]["wait_s"]


def test_events_tell_the_whole_story(
    sweep: tuple[Path, list[dict[str, Any]]], rows: list[dict[str, Any]]
) -> None:
    events = sweep[1]
    for name in ("run_started", "run_finished"):
        assert [event["run_id"] for event in events if event["event"] == name] == [
            row["run_id"] for row in rows
        ]
    last = [event for event in events if event["event"] == "run_finished"][-1]
    assert last["cost_so_far_usd"] == pytest.approx(sum(row["cost_usd"] for row in rows))
    assert last["remaining_s"] == 0
    [report] = [event for event in events if event["event"] == "report"]
    assert Path(report["path"]).is_file()


def test_resuming_a_finished_sweep_needs_no_settings_and_makes_nothing(
    stack: Stack, sweep: tuple[Path, list[dict[str, Any]]]
) -> None:
    before = (sweep[0] / "summary.json").read_bytes()
    done = stack.experiment(sweep[0], "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 runs are done already" in done.stdout
    assert (sweep[0] / "summary.json").read_bytes() == before


def test_logs_of_a_past_execution_are_collected_again(
    stack: Stack, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    row = rows[-1]
    arn = stack.deployment.state_machine_arn.replace(":stateMachine:", ":execution:")
    done = subprocess.run(
        [
            *(sys.executable, str(REPOSITORY / "scripts" / "collect_logs.py")),
            *("--execution", f"{arn}:{row['execution_id']}", "--output", str(tmp_path / "past")),
        ],
        env=stack.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{row['reports_expected']} of {row['reports_expected']} REPORT lines found" in done.stdout
    [again] = json.loads((tmp_path / "past" / "summary.json").read_text())
    for key in ("duration_s", "cold_starts", "reports_found", "memory_mb", "rendezvous", "metrics", "files"):
        assert again[key] == row[key], key
    assert again["cost_usd"] == pytest.approx(row["cost_usd"])
    assert list((tmp_path / "past" / "logs").rglob("0.log"))
