"""Reduction functions: `fmi.SUM` and its siblings, `fmi.func(fmi.op.custom, f, commutative, associative)`.

`combiner` and its siblings make a function's step over flat arrays, `fold` the one over Python objects.
"""

from __future__ import annotations

import enum
import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class op(enum.Enum):  # noqa: N801 - the original interface's name
    """What a reduction does with two values."""

    sum = 1
    prod = 2
    max = 3
    min = 4
    custom = 5
    land = 6
    lor = 7
    lxor = 8
    band = 9
    bor = 10
    bxor = 11


_UFUNCS: dict[op, np.ufunc] = {
    op.sum: np.add,
    op.prod: np.multiply,
    op.max: np.maximum,
    op.min: np.minimum,
    op.land: np.logical_and,
    op.lor: np.logical_or,
    op.lxor: np.logical_xor,
    op.band: np.bitwise_and,
    op.bor: np.bitwise_or,
    op.bxor: np.bitwise_xor,
}


class func:  # noqa: N801 - the original interface's name
    """A reduction function.

    Args:
        kind: one of `fmi.op`.
        function: for `op.custom` only: takes two values and returns a third. The calls with a type, those of
            the original, pass two numbers, also for the list types, whose elements are combined one by one.
            The upper-case calls pass two arrays, the calls without a type the objects of the ranks.
        commutative: whether f(a, b) == f(b, a). If not, operands keep rank order.
        associative: whether f(f(a, b), c) == f(a, f(b, c)). If not, the reduction goes strictly from rank 0
            to the last rank: f(f(f(x0, x1), x2), x3). The calls with a type do so, as the original does,
            unless the function is both.

    Attributes:
        elementwise: the result of a slice is the slice of the result, so that large arrays can be cut up.
        code: one byte, equal on two ranks that reduce in the same way.

    Built-in kinds do what NumPy does with arrays of that type: sums and products of integers wrap around, the
    sum of bools is their `or`, max and min with a NaN are NaN.
    """

    def __init__(
        self,
        kind: op,
        function: Callable[[Any, Any], Any] | None = None,
        commutative: bool = True,
        associative: bool = True,
    ) -> None:
        if not isinstance(kind, op):
            raise TypeError(f"the first argument of fmi.func is one of fmi.op, not {kind!r}")
        if kind is op.custom and not callable(function):
            raise TypeError("fmi.func(fmi.op.custom, ...) needs a callable that takes two values")
        if kind is not op.custom and function is not None:
            raise TypeError(f"fmi.op.{kind.name} takes no callable; use fmi.op.custom for your own")
        builtin = kind is not op.custom
        self.kind = kind
        self.function = function
        self.commutative = builtin or bool(commutative)
        self.associative = builtin or bool(associative)
        self.elementwise = builtin
        self.code = kind.value | self.commutative << 4 | self.associative << 5

    @property
    def name(self) -> str:
        """For messages."""
        return self.kind.name

    def __repr__(self) -> str:
        return f"fmi.func({self.kind}, commutative={self.commutative}, associative={self.associative})"

    def ufunc(self) -> np.ufunc:
        """The NumPy function of a built-in kind."""
        return _UFUNCS[self.kind]

    def check(self, dtype: np.dtype[Any]) -> None:
        """Raise TypeError unless this works on elements of that type."""
        if self.elementwise and not _works_on(self.kind, dtype):
            raise TypeError(f"fmi.op.{self.kind.name} does not work on {dtype}")


def original_order(function: func) -> func:
    """The same function in the original's order: from rank 0 on, unless commutative and associative."""
    if function.commutative and function.associative:
        return function
    return func(function.kind, function.function, commutative=False, associative=False)


SUM = func(op.sum)
PROD = func(op.prod)
MAX = func(op.max)
MIN = func(op.min)
LAND = func(op.land)
LOR = func(op.lor)
LXOR = func(op.lxor)
BAND = func(op.band)
BOR = func(op.bor)
BXOR = func(op.bxor)
_BUILTINS = {function.kind: function for function in (SUM, PROD, MAX, MIN, LAND, LOR, LXOR, BAND, BOR, BXOR)}


def as_func(function: object) -> func:
    """Turn an `fmi.func` or a built-in `fmi.op` into an `fmi.func`. Raises TypeError for anything else."""
    if isinstance(function, func):
        return function
    if isinstance(function, op) and function in _BUILTINS:
        return _BUILTINS[function]
    if function is op.custom:
        return func(op.custom)  # says what is missing
    raise TypeError(f"the function is an fmi.func or an fmi.op, such as fmi.SUM, not {function!r}")


@functools.cache
def _works_on(kind: op, dtype: np.dtype[Any]) -> bool:
    nothing = np.empty(0, dtype)
    try:
        _UFUNCS[kind](nothing, nothing, out=nothing)
    except TypeError:
        return False
    return True


def combiner(
    function: func, like: Callable[[NDArray[Any]], Any], back: Callable[[Any], NDArray[Any]]
) -> Combine:
    """Make the reduction step over flat arrays: combine(left, right, out), where out may be one of the two.

    Args:
        function: what to reduce with.
        like: turns a flat array into what a custom function expects.
        back: turns a custom function's result into a flat array, or raises.
    """
    custom = function.function
    if custom is None:
        return elementwise_combiner(function.kind)

    def combine(left: NDArray[Any], right: NDArray[Any], out: NDArray[Any]) -> None:
        out[...] = back(custom(like(left), like(right)))

    return combine


def number_combiner(function: func, back: Callable[[list[Any]], NDArray[Any]]) -> Combine:
    """As `combiner`, with a custom function that takes two numbers: one element of each array at a time.

    Args:
        function: what to reduce with.
        back: turns a custom function's results, one for each element, into a flat array, or raises.
    """
    custom = function.function
    if custom is None:
        return elementwise_combiner(function.kind)

    def combine(left: NDArray[Any], right: NDArray[Any], out: NDArray[Any]) -> None:
        out[...] = back(list(map(custom, left.tolist(), right.tolist())))

    return combine


@functools.cache
def elementwise_combiner(kind: op) -> Combine:
    """The reduction step of a built-in kind."""
    ufunc = _UFUNCS[kind]

    def combine(left: NDArray[Any], right: NDArray[Any], out: NDArray[Any]) -> None:
        ufunc(left, right, out=out)

    return combine


def builtin_kind(combine: Combine) -> op | None:
    """The kind that `elementwise_combiner` made a reduction step of; None for another step."""
    return _kinds().get(combine)


@functools.cache
def _kinds() -> dict[Combine, op]:
    return {elementwise_combiner(kind): kind for kind in _UFUNCS}


Combine = Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], None]


def function_name(code: int) -> str:
    """The name in a `func.code`, for messages."""
    return op(code & 0xF).name if code & 0xF else "none"


Fold = Callable[[Any, Any], Any]


def fold(function: func) -> Fold:
    """A function over two objects: with arrays and scalars as NumPy does it, else as Python does it."""
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
