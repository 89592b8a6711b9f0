"""The functions' memory size: set for a while, restored, and what the ranks really had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cosmic_fmi.experiment.errors import TargetError
from cosmic_fmi.experiment.execution.function_memory import FunctionMemory
from cosmic_fmi.experiment.sweep import session
from cosmic_fmi.experiment.sweep.session import run
from tests.cosmic_fmi.experiment.support.executions import options, succeeded
from tests.cosmic_fmi.experiment.support.fakes import DEPLOYMENT, FakeTarget, quiet


def test_memory_is_set_for_a_while() -> None:
    target = FakeTarget()
    with FunctionMemory(target, DEPLOYMENT, print) as memory:
        assert memory.set(None) == (3008, 2048)
        assert memory.set(1024) == (1024, 2048)
        assert memory.set(1024) == (1024, 2048)
    assert target.fakes.functions.updates == [1024, 3008]


def test_memory_that_cannot_be_put_back_is_said() -> None:
    target = FakeTarget()
    refused = ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "slow"}}, "Update")

    def refuse(**_: object) -> None:
        raise refused

    with (
        pytest.raises(TargetError, match="put back to 3008 MB"),
        FunctionMemory(target, DEPLOYMENT, print) as memory,
    ):
        memory.set(512)
        target.fakes.functions.update_function_configuration = refuse  # type: ignore[method-assign]


def test_memory_left_behind_by_a_run_that_was_killed_is_put_right() -> None:
    target = FakeTarget()
    target.fakes.functions.memory_mb = 512
    with FunctionMemory(target, DEPLOYMENT, print) as memory:
        assert memory.set(None) == (3008, 2048)
    assert target.fakes.functions.memory_mb == 3008


def test_the_memory_of_what_others_run_is_not_changed_below_them(capsys: pytest.CaptureFixture[str]) -> None:
    target = FakeTarget()
    target.fakes.stepfunctions.running = [["x:theirs"], ["x:theirs"]]
    with FunctionMemory(target, DEPLOYMENT, print) as memory:
        assert memory.set(1024) == (1024, 2048)
        assert target.fakes.stepfunctions.running == [], "it was changed before theirs had ended"
        target.fakes.stepfunctions.running = [["x:theirs again"]]
    assert target.fakes.functions.updates == [1024]
    assert capsys.readouterr().out.count("Waiting for theirs, which runs with 3008 MB") == 1


def test_a_deployment_that_was_taken_down_has_no_memory_to_put_back() -> None:
    target = FakeTarget()

    def gone(**_: object) -> dict[str, Any]:
        raise target.fakes.functions.exceptions.ResourceNotFoundException("no function")

    with pytest.raises(ValueError, match="what happened"), FunctionMemory(target, DEPLOYMENT, print):
        target.fakes.functions.get_function_configuration = gone  # type: ignore[method-assign]
        raise ValueError("what happened")


def test_a_run_whose_ranks_had_another_memory_than_asked_for_says_so(
    tmp_path: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "new_execution_id", lambda _: "x")
    target.fakes.stepfunctions.states = [succeeded()]
    reporter = quiet()
    assert run(target, options(tmp_path, repetitions=1, memory_mb=1024), reporter) is True
    said = " ".join(reporter.console.export_text().split())
    assert "had 3008 MB of memory instead of 1024" in said
