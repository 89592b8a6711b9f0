"""The state machine's template: every placeholder is filled, and what comes out is valid for AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.api import lint_all  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / "statemachine.asl.json").read_text()


WAKING = ["Lambda.CodeArtifactUserPendingException", "Lambda.ResourceConflictException"]


def filled() -> dict[str, Any]:
    """The definition with plausible values."""
    text = re.sub(r"\$\{(\w+)_arn\}", r"arn:aws:lambda:us-east-1:123456789012:function:\1", TEMPLATE)
    text = text.replace("${bucket}", "a-bucket")
    definition: dict[str, Any] = json.loads(re.sub(r"\$\{(\w+_s|\w*attempts)\}", "60", text))
    return definition


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """All states, those of the Map's items included."""
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def test_terraform_fills_in_every_placeholder() -> None:
    module = (ROOT / "terraform" / "modules" / "workflow" / "main.tf").read_text()
    for name in re.findall(r"\$\{(\w+)\}", TEMPLATE):
        assert re.search(rf"\b{name}\s+=", module), name


def test_definition_passes_cfn_lint() -> None:
    machine = {"RoleArn": "arn:aws:iam::123456789012:role/world", "Definition": filled()}
    template = {"Resources": {"World": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine}}}
    found = [match for match in lint_all(json.dumps(template)) if match.rule.id[0] in "EW"]  # not hints
    assert found == []


def test_every_task_has_a_time_limit_and_a_way_to_fail() -> None:
    for name, state in states(filled()):
        if state["Type"] == "Task":
            assert state["TimeoutSeconds"] > 0, name
        if state["Type"] in ("Task", "Map") and name != "RecordFailure":
            assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name


def test_single_ranks_are_retried_only_where_they_certainly_did_not_run() -> None:
    execute = dict(states(filled()))["Execute"]
    retried = [error for retrier in execute["Retry"] for error in retrier["ErrorEquals"]]
    assert retried == [*WAKING, "Lambda.TooManyRequestsException"]


def test_every_call_of_a_function_waits_three_minutes_for_one_that_wakes_up() -> None:
    for name, state in states(filled()):
        if state.get("Resource") == "arn:aws:states:::lambda:invoke":
            errors = WAKING if name == "Execute" else [*WAKING, "Lambda.ClientExecutionTimeoutException"]
            for error in errors:
                [retrier] = [one for one in state["Retry"] if error in one["ErrorEquals"]]
                assert sum(pauses(retrier)) >= 180, (name, error)


def pauses(retrier: dict[str, Any]) -> list[float]:
    """Seconds before each further try, as the Amazon States Language defines them."""
    grown = (retrier["IntervalSeconds"] * retrier["BackoffRate"] ** n for n in range(retrier["MaxAttempts"]))
    return [min(pause, retrier["MaxDelaySeconds"]) for pause in grown]
