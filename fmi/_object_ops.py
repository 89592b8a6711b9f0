"""Reduction functions over Python objects, one after the other in rank order."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from fmi._ops import func, op

Fold = Callable[[Any, Any], Any]


def fold(function: func) -> Fold:
    """What a function does with two objects: NumPy's way with arrays and scalars, else Python's."""
    if function.function is not None:
        return function.function
    plain, ufunc = _PLAIN[function.kind], function.ufunc()

    def step(left: Any, right: Any) -> object:  # noqa: ANN401 - any two objects
        if isinstance(left, np.ndarray | np.generic) or isinstance(right, np.ndarray | np.generic):
            return ufunc(left, right)
        return plain(left, right)

    return step


_PLAIN: dict[op, Fold] = {
    op.sum: operator.add,
    op.prod: operator.mul,
    op.max: max,
    op.min: min,
    op.land: lambda left, right: bool(left) and bool(right),
    op.lor: lambda left, right: bool(left) or bool(right),
    op.lxor: lambda left, right: bool(left) != bool(right),
    op.band: operator.and_,
    op.bor: operator.or_,
    op.bxor: operator.xor,
}
