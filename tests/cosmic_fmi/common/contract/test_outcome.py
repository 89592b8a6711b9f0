"""An outcome is the same after writing and reading, and failures sort by what caused the others."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fmi
from cosmic_fmi.common.contract.outcome import CONSEQUENCES, Outcome, parse


@given(st.builds(Outcome))
def test_an_outcome_is_read_as_it_was_written(outcome: Outcome) -> None:
    body = json.dumps(outcome.to_json()).encode()
    read = parse(body)
    assert isinstance(read, dict)
    assert Outcome.from_json(outcome.rank, read) == outcome


def test_an_outcome_of_another_version_is_read_as_far_as_it_is_known() -> None:
    assert Outcome.from_json(3, {"status": "succeeded", "colour": "red"}) == Outcome(3, "succeeded")
    assert Outcome.from_json(3, {}).status == "failed"


def test_errors_of_fmi_are_called_as_fmi_calls_them() -> None:
    assert all(issubclass(getattr(fmi, name), fmi.FMIError) for name in CONSEQUENCES)


def test_a_script_s_own_error_comes_before_what_followed_from_it() -> None:
    own = Outcome(2, "failed", "ValueError", ended_at=9.0)
    others = [Outcome(rank, "failed", name, ended_at=1.0) for rank, name in enumerate(CONSEQUENCES)]
    assert sorted([*reversed(others), own], key=Outcome.root_cause_order) == [own, *others]


@pytest.mark.parametrize("body", [b'{"Error": "x"}', json.dumps('{"Error": "x"}').encode()])
def test_what_the_state_machine_writes_is_quoted_or_not(body: bytes) -> None:
    assert parse(body) == {"Error": "x"}


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        ({"Error": "Lambda.Unknown", "Cause": "it ended"}, "Lambda.Unknown: it ended"),
        ({"Error": "E", "Cause": '{"errorMessage": "too long"}'}, "E: too long"),
        ({}, "NoOutcome: the rank left no outcome and its invocation no error: see its function's log"),
    ],
)
def test_a_rank_that_was_lost_has_the_service_s_error(failure: dict[str, str], error: str) -> None:
    outcome = Outcome.of_lost(1, failure)
    assert (outcome.status, outcome.lost, outcome.error) == ("failed", True, error)
