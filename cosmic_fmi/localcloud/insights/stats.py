"""The command `stats` of CloudWatch Logs Insights: numbers over all log events, or over groups of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cosmic_fmi.localcloud.insights.expressions import Expressions
from cosmic_fmi.localcloud.insights.scanner import Scanner
from cosmic_fmi.localcloud.insights.values import Expression, Row, Value, number, text

Aggregate = Callable[[Sequence[Value]], Value]


def _of_numbers(function: Callable[[list[float]], float]) -> Aggregate:
    def aggregate(values: Sequence[Value]) -> Value:
        numbers = [known for value in values if (known := number(value)) is not None]
        return function(numbers) if numbers else None

    return aggregate


def _percentile(percent: float) -> Aggregate:
    """The smallest value that so many percent of all do not exceed."""

    def rank(numbers: list[float]) -> float:
        return sorted(numbers)[max(0, math.ceil(len(numbers) * percent / 100) - 1)]

    return _of_numbers(rank)


def _count(values: Sequence[Value]) -> Value:
    return float(sum(value is not None for value in values))


AGGREGATES: dict[str, Aggregate] = {
    "count": _count,
    "count_distinct": lambda values: float(len({text(value) for value in values if value is not None})),
    "sum": _of_numbers(math.fsum),
    "avg": _of_numbers(statistics.fmean),
    "min": _of_numbers(min),
    "max": _of_numbers(max),
    "stddev": _of_numbers(lambda numbers: statistics.stdev(numbers) if len(numbers) > 1 else 0.0),
    "median": _of_numbers(statistics.median),
}


@dataclass(frozen=True)
class Column:
    """One column of a result: its name and where its values come from."""

    name: str
    expression: Expression


def read_column(scanner: Scanner, read: Callable[[], Expression]) -> Column:
    """Read `expression` or `expression as name`."""
    start = scanner.at
    expression = read()
    source = scanner.since(start)
    return Column(scanner.name("a name") if scanner.word("as") else source.strip("`"), expression)


class _Aggregates(Expressions):
    """Expressions over groups: an aggregate's value is in the group's row, under a key of its own."""

    def __init__(self, scanner: Scanner) -> None:
        super().__init__(scanner)
        self.wanted: dict[str, tuple[Expression, Aggregate]] = {}

    def call(self, name: str) -> Expression:
        """A function, which may be an aggregate."""
        if name != "pct" and name not in AGGREGATES:
            return super().call(name)
        argument, aggregate = self._argument(name), AGGREGATES.get(name)
        if aggregate is None:
            aggregate = self._percent()
        self.scanner.need(")")
        key = f"\0{len(self.wanted)}"
        self.wanted[key] = argument, aggregate
        return lambda row: row.get(key)

    def _argument(self, name: str) -> Expression:
        if name == "count" and (self.scanner.symbol("*") or self.scanner.sees(")")):
            return lambda _: True
        return Expressions(self.scanner).condition()

    def _percent(self) -> Aggregate:
        self.scanner.need(",")
        percent = self.scanner.number()
        if percent is None or percent > 100:
            raise self.scanner.expected("a percentage from 0 to 100")
        return _percentile(percent)


class Stats:
    """A parsed `stats`: called with rows, it returns one row a group, in the order of their first rows."""

    def __init__(self, scanner: Scanner) -> None:
        aggregates, plain = _Aggregates(scanner), Expressions(scanner)
        self._columns = scanner.listed(lambda: read_column(scanner, aggregates.condition))
        self._keys: list[Column] = []
        if scanner.word("by"):
            self._keys = scanner.listed(lambda: read_column(scanner, plain.condition))
        self._wanted = aggregates.wanted

    @property
    def names(self) -> list[str]:
        """The result's columns."""
        return [column.name for column in [*self._keys, *self._columns]]

    def __call__(self, rows: list[Row]) -> list[Row]:
        """Put the rows into groups and describe each."""
        groups: dict[tuple[Value, ...], list[Row]] = {} if self._keys else {(): []}
        for row in rows:
            values = tuple(key.expression(row) for key in self._keys)
            groups.setdefault(values, []).append(row)
        return [self._describe(values, members) for values, members in groups.items()]

    def _describe(self, values: tuple[Value, ...], members: list[Row]) -> Row:
        row: Row = {key.name: value for key, value in zip(self._keys, values, strict=True)}
        for name, (argument, aggregate) in self._wanted.items():
            row[name] = aggregate([argument(member) for member in members])
        for column in self._columns:  # one may use those before it
            row[column.name] = column.expression(row)
        return row
