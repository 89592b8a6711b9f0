"""Lists of the calls with a type become arrays, and back: each value, or the error that names it."""

from __future__ import annotations

import math
import numbers
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fmi import datatypes, types
from fmi._datatypes import Form

WHOLE = st.one_of(
    st.booleans(),
    st.integers(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-100, 100).map(np.int8),
    st.integers(0, 2**64 - 1).map(np.uint64),
    st.booleans().map(np.bool_),
)
REAL = st.one_of(
    WHOLE,
    st.floats(),
    st.floats().map(np.float64),
    st.floats(width=32).map(np.float32),
    st.fractions(-10, 10),
)
ODD: st.SearchStrategy[object] = st.sampled_from(
    [None, "1.5", b"1", 1j, Decimal(1), [1.0], (), np.ones(1), np.ones(2), {}]
)


def element(value: float, kind: datatypes) -> int | float:
    """What becomes of one value, or why it is refused."""
    allowed = numbers.Integral if kind is datatypes.int_list else numbers.Real
    if not isinstance(value, allowed | np.bool_):
        raise TypeError
    if kind is datatypes.int_list and not -(2**63) <= int(value) < 2**63:
        raise ValueError
    try:
        return int(value) if kind is datatypes.int_list else float(value)
    except OverflowError:
        raise ValueError from None


def same(left: float, right: float) -> bool:
    return type(left) is type(right) and (left == right or (math.isnan(left) and math.isnan(right)))


@pytest.mark.parametrize("kind", [datatypes.int_list, datatypes.double_list])
@example(values=[np.float64(1e308)] * 2)
@example(values=[1.0, np.float64(1e308), np.float64(1e308)])
@example(values=[1e308, 1e308])
@example(values=[10**400])
@example(values=[2**63])
@example(values=[Fraction(1, 3)])
@given(values=st.lists(st.one_of(REAL, ODD), min_size=1, max_size=6) | st.lists(REAL, min_size=1, max_size=6))
def test_a_list_is_converted_as_each_of_its_values_is(kind: datatypes, values: list[Any]) -> None:
    expected, refused = [], None
    for value in values:
        try:
            expected.append(element(value, kind))
        except (TypeError, ValueError) as error:
            refused = type(error) if refused is not TypeError else refused
    mine = types(kind, len(values))
    if refused:
        with pytest.raises(refused):
            mine.flatten(values)
        return
    for sequence in (values, tuple(values)):
        restored = mine.restore(mine.flatten(sequence), Form.LIST)
        assert all(map(same, restored, expected)), (restored, expected)


@pytest.mark.parametrize("kind", [datatypes.int_list, datatypes.double_list])
@given(values=st.lists(st.integers(-5, 5)), length=st.integers(1, 8))
def test_a_list_of_another_length_is_refused(kind: datatypes, values: list[int], length: int) -> None:
    if len(values) == length:
        assert types(kind, length).flatten(values).tolist() == values
        return
    with pytest.raises(ValueError, match=f"expected {length} values, got {len(values)}"):
        types(kind, length).flatten(values)
