"""Reads the text of a query of CloudWatch Logs Insights piece by piece."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_NAME = re.compile(r"[@A-Za-z_][\w@.]*|`([^`]+)`")
_WORD = re.compile(r"[A-Za-z_]\w*")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_STRING = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_REGEX = re.compile(r"/((?:[^/\\\n]|\\.)+)/")

Item = TypeVar("Item")


class MalformedQueryError(ValueError):
    """A query that cannot be answered; `at` is the offset of the character where that shows."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


class Scanner:
    """A position in a query; blanks and comments (# to the end of the line) are skipped."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.at = 0
        self._skip()

    @property
    def ended(self) -> bool:
        """Whether everything has been read."""
        return self.at == len(self._source)

    def error(self, message: str, at: int | None = None) -> MalformedQueryError:
        """What to raise."""
        return MalformedQueryError(message, self.at if at is None else at)

    def expected(self, what: str) -> MalformedQueryError:
        """What to raise where something else should stand."""
        rest = self._source[self.at :].split("\n")[0][:30]
        return self.error(
            f"expected {what}, found {rest!r}" if rest else f"the query ends where {what} should be"
        )

    def since(self, start: int) -> str:
        """The text between an earlier position and here."""
        return self._source[start : self.at].strip()

    def symbol(self, *symbols: str) -> str | None:
        """Read one of these symbols, if it is next."""
        for symbol in symbols:
            if self.sees(symbol):
                self._move(self.at + len(symbol))
                return symbol
        return None

    def sees(self, symbol: str) -> bool:
        """Whether this symbol is next."""
        return self._source.startswith(symbol, self.at)

    def need(self, symbol: str) -> None:
        """Read this symbol."""
        if self.symbol(symbol) is None:
            raise self.expected(repr(symbol))

    def word(self, *words: str) -> str | None:
        """Read one of these words in upper or lower case, if it is next."""
        match = _WORD.match(self._source, self.at)
        if match is None or match[0].lower() not in words:
            return None
        self._move(match.end())
        return match[0].lower()

    def command(self) -> str:
        """Read any word."""
        match = self._read(_WORD)
        if match is None:
            raise self.expected("a command")
        return match[0].lower()

    def name(self, what: str = "a field") -> str:
        """Read a field's name, in backticks where it has more than letters, digits, @, _ and dots."""
        match = self._read(_NAME)
        if match is None:
            raise self.expected(what)
        return match[1] or match[0]

    def number(self) -> float | None:
        """Read a number without a sign, if it is next."""
        match = self._read(_NUMBER)
        return float(match[0]) if match else None

    def string(self) -> str | None:
        """Read a string in single or double quotes, if it is next."""
        match = self._read(_STRING)
        if match is None:
            return None
        return re.sub(r"\\(.)", r"\1", match[1] if match[1] is not None else match[2], flags=re.DOTALL)

    def regex(self) -> re.Pattern[str] | None:
        """Read a regular expression between slashes, if it is next."""
        start = self.at
        match = self._read(_REGEX)
        if match is None:
            return None
        try:
            return re.compile(re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", match[1].replace(r"\/", "/")))
        except re.error as error:
            raise self.error(f"not a regular expression: {error}", start) from error

    def listed(self, read: Callable[[], Item]) -> list[Item]:
        """Read one or more, separated by commas."""
        items = [read()]
        while self.symbol(","):
            items.append(read())
        return items

    def _read(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._source, self.at)
        if match is not None:
            self._move(match.end())
        return match

    def _move(self, at: int) -> None:
        self.at = at
        self._skip()

    def _skip(self) -> None:
        blank = _BLANK.match(self._source, self.at)
        self.at = blank.end() if blank else self.at
