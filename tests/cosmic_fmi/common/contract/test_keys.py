"""Where an execution keeps what, by this package and by what spells it in other languages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cosmic_fmi.common.contract.keys import COURSE_PAYLOAD, Execution, Results, by_rank

ROOT = Path(__file__).parents[4]
EXECUTION = Execution("run-7")


def test_every_key_of_an_execution() -> None:
    """Users, dashboards and policies know these: they are not to change."""
    first, third = EXECUTION.attempt(), EXECUTION.attempt(3)
    assert (EXECUTION.folder, EXECUTION.payload) == ("executions/run-7", "executions/run-7/payload.json")
    assert EXECUTION.result_path == "executions/run-7/results"
    assert first.manifest == "executions/run-7/ranks.json"
    assert first.outcome(12) == "executions/run-7/outcomes/12.json"
    assert first.failure(12) == "executions/run-7/failures/12.json"
    assert first.files(12) == "executions/run-7/files/12/"
    assert third.manifest == "executions/run-7/attempts/3/ranks.json"
    assert third.outcome(0) == "executions/run-7/attempts/3/outcomes/0.json"


def test_every_key_of_the_results() -> None:
    for path in ("some/results", "/some/results/"):
        results = Results(path)
        assert results.result(4) == "some/results/4.json"
        assert results.predictions(4) == "some/results/4.parquet"
        assert results.combined == "some/results/combined_data.json"
        assert results.combined_predictions == "some/results/predictions.parquet"


@given(st.sets(st.integers(2, 40)), st.integers(0, 9))
def test_attempts_are_found_in_order(numbers: set[int], rank: int) -> None:
    keys = [EXECUTION.attempt(number).outcome(rank) for number in numbers]
    others = ["executions/run-7/attempts/x/ranks.json", "executions/run-77/attempts/41/ranks.json"]
    assert EXECUTION.attempts([*keys, *others]) == [
        EXECUTION.attempt(),
        *(EXECUTION.attempt(number) for number in sorted(numbers)),
    ]


@given(st.sets(st.integers(0, 2000)))
def test_keys_lead_back_to_their_ranks(ranks: set[int]) -> None:
    results = Results("here")
    keys = {rank: results.result(rank) for rank in sorted(ranks)}
    strangers = [
        "here/01.json",
        "here/²1.json",
        "here/x/1.json",
        "here/1.txt",
        "here/.json",
        results.combined,
    ]
    assert by_rank([*reversed(keys.values()), *strangers, results.combined], results.result) == keys


def test_the_state_machine_spells_the_same() -> None:
    definition = (ROOT / "statemachine.asl.json").read_text()
    assert f"States.Format('{Execution('{}').map}', $$.Execution.Name)" in definition
    assert not _spelled(definition) - {Execution("{}").map}, "keys come in from Initialize, where they can"


def _spelled(definition: str) -> set[str]:
    """The strings of the definition that name a place in S3, of a template that is not JSON yet."""
    filled = re.sub(r"\$\{\w+\}", "1", definition)
    return {
        found for text in _strings(json.loads(filled)) for found in re.findall(r"executions/[^\s',]*", text)
    }


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _strings(inner)


def test_terraform_spells_the_same() -> None:
    top = Execution("").folder
    policies = (ROOT / "terraform/modules/executor/policies.tf").read_text()
    assert f'"${{var.bucket_arn}}/{top}*"' in policies
    assert f"/{COURSE_PAYLOAD}" in policies
    assert f'"${{var.bucket_arn}}/{top}*"' in (ROOT / "terraform/modules/workflow/main.tf").read_text()
    assert f'prefix = "{top}"' in (ROOT / "terraform/modules/storage/main.tf").read_text()
