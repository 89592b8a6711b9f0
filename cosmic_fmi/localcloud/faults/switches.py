"""The faults that can be switched on, and those that are.

switches = Switches.of_text("s3-slowdown=0.2 task-start=60")
switches.value("task-start")     # 60.0; None while it is off
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One kind of fault: what its value means, the value when none is given, and the largest one."""

    summary: str
    unit: str
    usual: float
    most: float


_HOUR_S = 3600.0

FAULTS: Mapping[str, Fault] = {
    "inactive": Fault(
        "functions that are there now were idle for weeks; waking takes so long", "s", 5, _HOUR_S
    ),
    "pending": Fault(
        "a function cannot be invoked for so long after it was made or updated", "s", 5, _HOUR_S
    ),
    "lambda-throttle": Fault("Lambda answers 429 TooManyRequestsException at this rate", "rate", 0.2, 1),
    "s3-slowdown": Fault("S3 answers 503 SlowDown at this rate", "rate", 0.2, 1),
    "task-start": Fault("a task of ECS takes so long to start", "s", 60, _HOUR_S),
    "task-unplaced": Fault("ECS finds no place for tasks", "on", 1, 1),
    "task-replaced": Fault("so many tasks that run are replaced by others, now", "tasks", 1, 100),
    "events-twice": Fault("EventBridge delivers each event twice", "on", 1, 1),
    "events-reordered": Fault("EventBridge delivers every other event so much later", "s", 3, _HOUR_S),
}


class UnknownFaultError(ValueError):
    """No such fault, or no such value of it; the message says what there is."""


class Switches:
    """Which faults are on; every method may be called from any thread."""

    def __init__(self, values: Mapping[str, float | None] | None = None) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, float] = {}
        self._generations: Counter[str] = Counter()
        self._calls: Counter[tuple[str, str]] = Counter()
        # The same faults hit the same calls in each run of one program.
        self._random = random.Random(0)  # noqa: S311 - not for secrets
        self.set(values or {})

    @classmethod
    def of_text(cls, text: str) -> Switches:
        """From `NAME=VALUE` or `NAME` words; UnknownFaultError."""
        return cls(parse(text.replace(",", " ").split()))

    def set(self, values: Mapping[str, float | None]) -> None:
        """Switch on; None is the usual value. UnknownFaultError, and nothing is changed."""
        checked = {name: _checked(name, value) for name, value in values.items()}
        with self._lock:
            self._values |= checked
            self._generations.update(checked)

    def clear(self, names: Iterable[str] = ()) -> None:
        """Switch off these faults, or all. UnknownFaultError."""
        chosen = list(names) or list(FAULTS)
        for name in chosen:
            _known(name)
        with self._lock:
            for name in chosen:
                self._values.pop(name, None)

    def value(self, name: str) -> float | None:
        """How strong a fault is; None while it is off."""
        with self._lock:
            return self._values.get(name)

    def generation(self, name: str) -> int:
        """Grows each time that a fault is switched on."""
        with self._lock:
            return self._generations[name]

    def strikes(self, name: str) -> bool:
        """Whether a fault with a rate hits this call."""
        with self._lock:
            return self._random.random() < self._values.get(name, 0.0)

    def alternates(self, name: str, key: str) -> bool:
        """Whether a fault that hits every other call of a kind hits this one, the first one too."""
        with self._lock:
            self._calls[name, key] += name in self._values
            return name in self._values and self._calls[name, key] % 2 == 1

    def take(self, name: str) -> bool:
        """Use up one of a fault that has a number; False when there is none left."""
        with self._lock:
            left = self._values.get(name, 0.0)
            if left > 1:
                self._values[name] = left - 1
            elif left:
                del self._values[name]
            return left >= 1

    def describe(self) -> list[dict[str, Any]]:
        """Every fault: name, value (None while it is off), unit, usual value and summary."""
        return [
            {
                "name": name,
                "value": self.value(name),
                "unit": each.unit,
                "usual": each.usual,
                "summary": each.summary,
            }
            for name, each in FAULTS.items()
        ]


def parse(words: Iterable[str]) -> dict[str, float | None]:
    """`NAME=VALUE` or `NAME` words as `Switches.set` takes them; UnknownFaultError."""
    found: dict[str, float | None] = {}
    for word in words:
        name, separator, text = word.partition("=")
        try:
            found[name] = _checked(name, float(text) if separator else None)
        except UnknownFaultError:
            raise
        except ValueError:
            raise UnknownFaultError(f"{name} takes a number, not {text!r}") from None
    return found


def _known(name: str) -> Fault:
    if name not in FAULTS:
        raise UnknownFaultError(f"no such fault: {name!r}; there are {', '.join(FAULTS)}")
    return FAULTS[name]


def _checked(name: str, value: float | None) -> float:
    fault = _known(name)
    number = fault.usual if value is None else float(value)
    if not 0 < number <= fault.most:
        raise UnknownFaultError(f"{name} takes a number above 0 and up to {fault.most:g}, not {number:g}")
    return number
