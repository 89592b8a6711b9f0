"""Expressions in queries of CloudWatch Logs Insights: arithmetic, comparisons, conditions and functions.

A parsed expression is a function of a row. A missing field has the value None, as has every sum with one; no
comparison with it holds.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable

from cosmic_fmi.localcloud.insights.scanner import Scanner
from cosmic_fmi.localcloud.insights.values import Expression, Moment, Row, Value, holds, number, text

_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
}
_BIN_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
FUNCTIONS: dict[str, tuple[int, Callable[..., Value]]] = {
    "ispresent": (1, lambda value: value is not None),
    "isempty": (1, lambda value: value is None or text(value) == ""),
    "isblank": (1, lambda value: value is None or not text(value).strip()),
    "strlen": (1, lambda value: float(len(text(value)))),
    "tolower": (1, lambda value: text(value).lower()),
    "toupper": (1, lambda value: text(value).upper()),
    "trim": (1, lambda value: text(value).strip()),
    "strcontains": (2, lambda value, part: float(text(part) in text(value))),
    "abs": (1, lambda value: _of_number(abs, value)),
    "ceil": (1, lambda value: _of_number(math.ceil, value)),
    "floor": (1, lambda value: _of_number(math.floor, value)),
}


class Expressions:
    """Parses expressions from where a scanner stands.

    `columns` are those of a `stats` before, some of which are called as what they were computed by: count(*).

    Raises MalformedQueryError where the text is none, or names a function that is not answered here.
    """

    def __init__(self, scanner: Scanner) -> None:
        self.scanner = scanner
        self.columns: list[str] = []

    def condition(self) -> Expression:
        """Conditions with `or`, which binds weakest, `and` and `not`."""
        parts = [self._conjunction()]
        while self.scanner.word("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda row: any(holds(part(row)) for part in parts)

    def sum(self) -> Expression:
        """Arithmetic, without comparisons."""
        return self._chain(self._product, "+", "-")

    def call(self, name: str) -> Expression:
        """A function whose name and opening parenthesis have been read."""
        start = self.scanner.at
        if name == "bin":
            return self._bin()
        if name not in FUNCTIONS:
            known = ", ".join([*FUNCTIONS, "bin"])
            raise self.scanner.error(
                f"the function {name!r} is not answered by the embedded AWS, which knows {known}", start
            )
        count, function = FUNCTIONS[name]
        arguments = self.scanner.listed(self.condition)
        self.scanner.need(")")
        if len(arguments) != count:
            raise self.scanner.error(f"{name} takes {count} arguments, not {len(arguments)}", start)
        return lambda row: function(*(argument(row) for argument in arguments))

    def _conjunction(self) -> Expression:
        parts = [self._negation()]
        while self.scanner.word("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else lambda row: all(holds(part(row)) for part in parts)

    def _negation(self) -> Expression:
        if not self.scanner.word("not"):
            return self._comparison()
        inner = self._negation()
        return lambda row: not holds(inner(row))

    def _comparison(self) -> Expression:
        left = self.sum()
        negated = bool(self.scanner.word("not"))
        if word := self.scanner.word("like", "in"):
            test = self._like(left) if word == "like" else self._in(left)
            return (lambda row: not holds(test(row))) if negated else test
        if negated:
            raise self.scanner.expected("like or in")
        sign = self.scanner.symbol("=~", "!=", "<=", ">=", "=", "<", ">")
        if sign is None:
            return left
        if sign == "=~":
            return self._like(left)
        right = self.sum()
        return lambda row: compare(sign, left(row), right(row))

    def _like(self, left: Expression) -> Expression:
        pattern = self.scanner.regex()
        if pattern is None:
            part = self.scanner.string()
            if part is None:
                raise self.scanner.expected("a string or a regular expression between slashes")
            pattern = re.compile(re.escape(part))
        return lambda row: (value := left(row)) is not None and pattern.search(text(value)) is not None

    def _in(self, left: Expression) -> Expression:
        self.scanner.need("[")
        choices = self.scanner.listed(self.sum)
        self.scanner.need("]")
        return lambda row: any(compare("=", left(row), choice(row)) for choice in choices)

    def _product(self) -> Expression:
        return self._chain(self._operand, "*", "/", "%")

    def _chain(self, operand: Callable[[], Expression], *signs: str) -> Expression:
        result = operand()
        while sign := self.scanner.symbol(*signs):
            result = _combine(_ARITHMETIC[sign], result, operand())
        return result

    def _operand(self) -> Expression:
        scanner = self.scanner
        if scanner.symbol("-"):
            inner = self._operand()
            return lambda row: _of_number(operator.neg, inner(row))
        if scanner.symbol("("):
            inner = self.condition()
            scanner.need(")")
            return inner
        constant: Value = scanner.number()
        if constant is None:
            constant = scanner.string()
        if constant is not None:
            return lambda _: constant
        return self._field_or_call()

    def _field_or_call(self) -> Expression:
        column = self.scanner.symbol(*(each for each in self.columns if "(" in each))
        if column is not None:
            return lambda row: row.get(column)
        name = self.scanner.name("a field, a number, a string or a function")
        if self.scanner.symbol("("):
            return self.call(name.lower())
        return lambda row: row.get(name)

    def _bin(self) -> Expression:
        size, unit = self.scanner.number(), self.scanner.word(*_BIN_MS)
        if not size or unit is None:
            raise self.scanner.expected(f"a period in {', '.join(_BIN_MS)}, such as 5m,")
        self.scanner.need(")")
        width = size * _BIN_MS[unit]

        def start_of_bin(row: Row) -> Value:
            moment = number(row.get("@timestamp"))
            return None if moment is None else Moment(moment // width * width)

        return start_of_bin


def compare(sign: str, left: Value, right: Value) -> bool:
    """As numbers if both are, else as text; no comparison with a missing field holds."""
    if left is None or right is None:
        return False
    numbers = number(left), number(right)
    if sign in ("=", "!="):
        same = numbers[0] == numbers[1] if None not in numbers else text(left) == text(right)
        return same == (sign == "=")
    return numbers[0] is not None and numbers[1] is not None and _ORDER[sign](numbers[0], numbers[1])


def _combine(function: Callable[[float, float], float], left: Expression, right: Expression) -> Expression:
    def value(row: Row) -> Value:
        numbers = number(left(row)), number(right(row))
        if numbers[0] is None or numbers[1] is None:
            return None
        try:
            return float(function(numbers[0], numbers[1]))
        except (ZeroDivisionError, ValueError):
            return None

    return value


def _of_number(function: Callable[[float], float], value: Value) -> Value:
    known = number(value)
    return None if known is None or not math.isfinite(known) else float(function(known))
