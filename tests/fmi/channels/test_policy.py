"""The choice of a channel: its properties, and the table that explains it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fmi
from fmi.channels.policy import ChannelPolicy
from fmi.protocol.frames import Operation

OPERATIONS = [each for each in Operation if each is not Operation.NONE]

prices = st.floats(0, 1, allow_subnormal=False)
channels = st.fixed_dictionaries(
    {"overhead": st.floats(0.001, 100), "bandwidth": st.floats(1, 1000)},
    optional={
        "bandwidth_multiple": st.floats(1, 1000),
        "upload_price": prices,
        "transfer_price": prices,
        "instance_price": prices,
    },
)
models = st.dictionaries(st.sampled_from(["A", "B", "C", "D"]), channels, min_size=1)


@settings(max_examples=200, deadline=None)
@given(
    model=models,
    operation=st.sampled_from(OPERATIONS),
    nbytes=st.none() | st.integers(0, 1 << 30),
    world=st.tuples(st.integers(1, 64), st.integers(128, 10_240)),
    hint=st.sampled_from(list(fmi.hints)),
)
def test_the_choice_is_the_best_and_the_same_on_every_rank(
    model: dict[str, Any],
    operation: Operation,
    nbytes: int | None,
    world: tuple[int, int],
    hint: fmi.hints,
) -> None:
    tables = []
    for _ in range(2):
        policy = ChannelPolicy(model, model, *world)
        policy.hint = hint
        tables.append(policy.explain(operation, nbytes))
    assert tables[0] == tables[1]
    table = tables[0]
    chosen = next(each for each in table.estimates if each.chosen)
    assert [each.channel for each in table.estimates] == list(model)
    assert sum(each.chosen for each in table.estimates) == 1
    if hint is fmi.hints.fast:
        assert chosen.seconds == min(each.seconds for each in table.estimates)
    else:
        assert chosen.dollars == min(each.dollars for each in table.estimates)


def test_explain_refuses_what_it_cannot_explain() -> None:
    with fmi.Communicator(0, 1, {}) as comm:
        with pytest.raises(ValueError, match="allreduce"):
            comm.explain("everything", 1)
        with pytest.raises(ValueError, match="negative"):
            comm.explain("bcast", -1)
        assert comm.explain("bcast", 10).chosen == "Direct"
