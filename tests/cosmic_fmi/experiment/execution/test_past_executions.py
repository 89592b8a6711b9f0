from __future__ import annotations

import pytest

from cosmic_fmi.experiment.errors import TargetError
from cosmic_fmi.experiment.execution.past_executions import execution_names
from tests.cosmic_fmi.experiment.support.fakes import DEPLOYMENT, FakeTarget, Pages


def test_names_and_arns_of_this_deployment() -> None:
    arn = DEPLOYMENT.state_machine_arn.replace(":stateMachine:", ":execution:") + ":mine"
    assert execution_names(FakeTarget(), DEPLOYMENT, [arn, "other"], 1) == ["mine", "other"]


@pytest.mark.parametrize(
    "arn", ["arn:aws:states:us-east-1:1:execution:another:x", DEPLOYMENT.state_machine_arn]
)
def test_an_arn_of_another_machine_is_refused(arn: str) -> None:
    with pytest.raises(TargetError, match="no execution of this deployment"):
        execution_names(FakeTarget(), DEPLOYMENT, [arn], 1)


def listed(*executions: dict[str, object]) -> FakeTarget:
    target = FakeTarget()
    target.fakes.stepfunctions.get_paginator = lambda _: Pages(  # type: ignore[method-assign]
        lambda **_: {"executions": list(executions)}
    )
    return target


def test_the_latest_that_ended_come_first() -> None:
    target = listed(
        {"name": "old", "startDate": 1, "status": "FAILED"},
        {"name": "new", "startDate": 3, "status": "SUCCEEDED"},
        {"name": "now", "startDate": 4, "status": "RUNNING"},
        {"name": "mid", "startDate": 2, "status": "SUCCEEDED"},
    )
    assert execution_names(target, DEPLOYMENT, [], 2) == ["new", "mid"]


def test_a_deployment_without_executions_is_a_sentence() -> None:
    with pytest.raises(TargetError, match="run one first"):
        execution_names(listed(), DEPLOYMENT, [], 1)
