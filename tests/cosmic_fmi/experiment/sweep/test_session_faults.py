"""Sweeps that something comes between: nothing runs on unwatched, and what was paid for is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from cosmic_fmi.experiment.aws.cloudwatch import collect_invocations
from cosmic_fmi.experiment.errors import ResultsError
from cosmic_fmi.experiment.plan.inputs import Input
from cosmic_fmi.experiment.plan.plan import Plan, Setting
from cosmic_fmi.experiment.plan.record import read_record
from cosmic_fmi.experiment.sweep.session import Options, run
from tests.cosmic_fmi.experiment.support.fakes import FakeTarget, quiet

SUCCEEDED = {"status": "SUCCEEDED", "output": "{}", "input": "{}"}
RUNNING = {"status": "RUNNING"}
PAYLOAD = {
    "bucket": "b",
    "S3_object_name": "x",
    "object_type": "folder",
    "script": "/tmp/x/a.py",
    "result_path": "kept",
}


def sweep(folder: Path, *worlds: int, budget_usd: float = 1.0, resume: bool = False) -> Options:
    payload = folder / "mine.json"
    payload.write_text(json.dumps(PAYLOAD))
    given = Input(payload=payload)
    plan = Plan(tuple(Setting(world_size=world, memory_mb=2048) for world in worlds), source=given.source)
    return Options(plan, folder / "out", given, budget_usd=budget_usd, resume=resume)


def target(states: list[Any], name: str = "aws") -> FakeTarget:
    made = FakeTarget(name)
    made.fakes.stepfunctions.states = list(states)
    return made


def rows(options: Options) -> dict[str, Any]:
    return {row["run_id"]: row for row in json.loads((options.output / "summary.json").read_text())}


def test_an_execution_that_cannot_be_watched_any_more_is_stopped_and_kept(tmp_path: Path) -> None:
    gone = EndpointConnectionError(endpoint_url="https://states.example")
    aws, options = target([RUNNING, gone, {"status": "ABORTED", "input": "{}"}]), sweep(tmp_path, 4)
    with pytest.raises(EndpointConnectionError):
        run(aws, options, quiet())
    assert len(aws.fakes.stepfunctions.stopped) == 1
    (row,) = rows(options).values()
    assert row["status"] == "aborted"


def test_another_execution_of_the_same_name_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    aws, options = target([SUCCEEDED]), sweep(tmp_path, 4)

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ExecutionAlreadyExists", "Message": "it is"}}, "StartExecution")

    monkeypatch.setattr(aws.fakes.stepfunctions, "start_execution", refuse)
    with pytest.raises(ClientError):
        run(aws, options, quiet())
    assert aws.fakes.stepfunctions.stopped == []
    assert not (options.output / "summary.json").exists()


def test_results_of_an_earlier_run_below_the_same_path_do_not_count(tmp_path: Path) -> None:
    """A course script does not say which execution its results are of."""
    aws, options = target([SUCCEEDED]), sweep(tmp_path, 2)
    s3 = aws.fakes.s3
    for rank in range(4):
        s3.put_json(f"kept/{rank}.json", {"num_samples": 100, "throughput_bps": 5.0})
    for rank in (2, 3):
        s3.age(f"kept/{rank}.json")
    assert run(aws, options, quiet())
    assert [row["samples"] for row in rows(options).values()] == [200]


def test_a_run_whose_logs_are_not_waited_for_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    interrupted = iter([True])

    def wait(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        if next(interrupted, False):
            raise KeyboardInterrupt
        return collect_invocations(*arguments, **named)

    monkeypatch.setattr("cosmic_fmi.experiment.execution.collect.collect_invocations", wait)
    aws, options = target([SUCCEEDED, SUCCEEDED]), sweep(tmp_path, 4)
    with pytest.raises(KeyboardInterrupt):
        run(aws, options, quiet())
    (row,) = rows(options).values()
    assert row["status"] == "succeeded"


def test_a_result_that_is_no_json_does_not_end_the_sweep(tmp_path: Path) -> None:
    failed = {"status": "FAILED", "error": "ResultMissing", "cause": "the result of rank 0 is not JSON"}
    aws, options = target([failed, SUCCEEDED]), sweep(tmp_path, 2, 4)
    aws.fakes.s3.objects["kept/0.json"] = b'{"num_samples": 1'
    assert not run(aws, options, quiet())
    assert sorted(row["status"] for row in rows(options).values()) == ["failed", "succeeded"]


def test_a_sweep_goes_on_where_it_was_made_and_within_its_budget(tmp_path: Path) -> None:
    options = sweep(tmp_path, 2, budget_usd=0.05)
    assert run(target([SUCCEEDED], "local"), options, quiet())
    assert read_record(options.output).budget_usd == 0.05
    with pytest.raises(ResultsError, match="was made with --target local"):
        run(target([SUCCEEDED]), sweep(tmp_path, 2, resume=True), quiet())
