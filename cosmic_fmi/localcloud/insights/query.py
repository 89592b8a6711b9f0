"""The query language of CloudWatch Logs Insights: its commands, and what a query makes of log events.

Answered are the commands fields, display, filter, parse, stats, sort and limit, as AWS documents them; every
other is refused by name.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from cosmic_fmi.localcloud.insights.expressions import Expressions
from cosmic_fmi.localcloud.insights.scanner import Scanner
from cosmic_fmi.localcloud.insights.stats import Stats, read_column
from cosmic_fmi.localcloud.insights.values import Row, Value, holds, number, text

DEFAULT_LIMIT = 10_000
MOST_ROWS = 10_000
# What AWS has beside those answered here: a query with one of them may be right.
_ELSEWHERE = (
    "anomaly", "dedup", "diff", "filterindex", "join", "lookup", "pattern", "source", "unmask", "unnest",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a query found.

    Attributes:
        rows: field → value as text; a field that an event lacks is left out.
        matched: log events that the filters before any `stats` or `limit` let through.
    """

    rows: list[dict[str, str]]
    matched: int


class Query:
    """A parsed query.

    Raises:
        MalformedQueryError: it is none, or has a part that is not answered here; the message names it.
    """

    def __init__(self, source: str) -> None:
        self._scanner = Scanner(source)
        self._expressions = Expressions(self._scanner)
        self._steps: list[Callable[[list[Row]], list[Row]]] = []
        self._fields: list[str] = []
        self._display: list[str] | None = None
        self._sorted = self._limited = self._counted = False
        self._filters = 0
        try:
            self._parse()
        except RecursionError as error:
            raise self._scanner.error("the query has too many parentheses inside each other") from error

    def run(self, rows: list[Row], limit: int | None = None) -> Answer:
        """Ask; `rows` are the log events, the oldest first.

        Without `sort` the newest comes first. `limit` stands where the query has none.
        """
        rows = rows[::-1]
        matched = len(rows)
        for index, step in enumerate(self._steps):
            rows = step(rows)
            if index < self._filters:
                matched = len(rows)
        if not self._limited:
            rows = rows[: limit or DEFAULT_LIMIT]
        return Answer([self._shown(row) for row in rows], matched)

    def _parse(self) -> None:
        commands = {
            "fields": self._read_fields,
            "display": self._read_display,
            "filter": self._read_filter,
            "parse": self._read_parse,
            "stats": self._read_stats,
            "sort": self._read_sort,
            "limit": self._read_limit,
        }
        while not self._scanner.ended:
            start = self._scanner.at
            command = self._scanner.command()
            if command not in commands:
                raise self._scanner.error(_refusal(command, list(commands)), start)
            commands[command]()
            if self._scanner.ended:
                return
            self._scanner.need("|")
            if self._scanner.ended:
                raise self._scanner.expected("a command")

    def _read_fields(self) -> None:
        columns = self._scanner.listed(lambda: read_column(self._scanner, self._expressions.condition))
        self._fields += [column.name for column in columns if column.name not in self._fields]

        def compute(rows: list[Row]) -> list[Row]:
            return [row | {column.name: column.expression(row) for column in columns} for row in rows]

        self._steps.append(compute)

    def _read_display(self) -> None:
        self._display = self._scanner.listed(self._scanner.name)

    def _read_filter(self) -> None:
        condition = self._expressions.condition()
        self._steps.append(lambda rows: [row for row in rows if holds(condition(row))])
        if not self._counted and not self._limited:
            self._filters = len(self._steps)

    def _read_parse(self) -> None:
        scanner = self._scanner
        pattern, glob = scanner.regex(), scanner.string()
        field = "@message"
        if pattern is None and glob is None:
            field = scanner.name()
            pattern, glob = scanner.regex(), scanner.string()
        if glob is not None:
            if not scanner.word("as"):
                raise scanner.expected("as, and a name for every * of the pattern")
            pattern = _of_glob(scanner, glob, scanner.listed(scanner.name))
        if pattern is None:
            raise scanner.expected("a pattern in quotes or a regular expression between slashes")
        self._steps.append(_extraction(field, pattern))
        self._fields += [name for name in pattern.groupindex if name not in self._fields]

    def _read_stats(self) -> None:
        stats = Stats(self._scanner)
        self._steps.append(stats)
        self._counted, self._fields, self._display = True, stats.names, None
        self._expressions.columns = stats.names

    def _read_sort(self) -> None:
        self._scanner.word("by")
        orders = self._scanner.listed(self._read_order)
        newest_first = not (self._sorted or self._counted)
        self._sorted = True

        def order(rows: list[Row]) -> list[Row]:
            # Events of the same millisecond keep their order, or turn it round with all others.
            rows = rows[::-1] if newest_first and not orders[0][1] else list(rows)
            for key, descending in reversed(orders):
                rows.sort(key=key, reverse=descending)
            return rows

        self._steps.append(order)

    def _read_order(self) -> tuple[Callable[[Row], tuple[int, float, str]], bool]:
        expression = self._expressions.sum()
        descending = self._scanner.word("asc", "desc") == "desc"
        return (lambda row: _place(expression(row))), descending

    def _read_limit(self) -> None:
        start = self._scanner.at
        count = self._scanner.number()
        if count is None or not count.is_integer() or not 1 <= count <= MOST_ROWS:
            raise self._scanner.error(f"limit takes a whole number from 1 to {MOST_ROWS}", start)
        self._limited = True
        self._steps.append(lambda rows: rows[: int(count)])

    def _shown(self, row: Row) -> dict[str, str]:
        names = self._display or self._fields or ["@timestamp", "@message"]
        if not self._counted:
            names = [*names, "@ptr"]
        return {name: text(value) for name in names if (value := row.get(name)) is not None}


def _refusal(command: str, known: list[str]) -> str:
    what = "is not answered here" if command in _ELSEWHERE else "is no command"
    return f"{command!r} {what}; the embedded AWS knows {', '.join(known)}"


def _of_glob(scanner: Scanner, glob: str, names: list[str]) -> re.Pattern[str]:
    """A pattern for "Duration: * ms", whose last star takes what is left where nothing follows it."""
    parts = glob.split("*")
    if len(parts) - 1 != len(names):
        raise scanner.error(f"the pattern has {len(parts) - 1} stars, and {len(names)} names follow it")
    pattern = re.escape(parts[0])
    for index, part in enumerate(parts[1:], start=1):
        last = index == len(parts) - 1 and not part
        pattern += f"(?P<{names[index - 1]}>{'.*' if last else '.*?'}){re.escape(part)}"
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error as error:
        raise scanner.error(f"not names for what the stars stand for: {error}") from error


def _extraction(field: str, pattern: re.Pattern[str]) -> Callable[[list[Row]], list[Row]]:
    def extract(rows: list[Row]) -> list[Row]:
        found = [pattern.search(text(row.get(field))) for row in rows]
        return [row | match.groupdict() if match else row for row, match in zip(rows, found, strict=True)]

    return extract


def _place(value: Value) -> tuple[int, float, str]:
    """Missing fields come before text, and text before numbers."""
    if value is None:
        return 0, 0.0, ""
    known = number(value)
    return (1, 0.0, text(value)) if known is None else (2, known, "")
