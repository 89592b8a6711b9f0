"""What is to be run: the settings of a grid, and the runs that a sweep makes of them, in their order."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import groupby
from typing import Any

from cosmic_fmi.experiment.errors import SweepError

DEFAULT_WORLD_SIZES = (1, 2, 4)
DEFAULT_BATCH_SIZE = 512
DEFAULT_BUDGET_USD = 1.0
"""Predicted cost up to which nobody is asked."""


@dataclass(frozen=True)
class Setting:
    """One point of a grid. None means: what the payload or the deployment says."""

    world_size: int | None = None
    batch_size: int | None = None
    memory_mb: int | None = None
    partition_mb: float | None = None
    """Size of the partitions (10^6 bytes)."""
    files: int | None = None
    """Partitions to use."""


AXES = tuple(axis.name for axis in fields(Setting))


@dataclass(frozen=True)
class RunSpec(Setting):
    """One execution to make."""

    repetition: int = 1
    source: str = "sample"
    """Where the input comes from: the built-in sample, or the stem of a payload's or a script's file."""
    warm_up: bool = False
    """Made only so that the runs after it find environments that have started."""

    @property
    def run_id(self) -> str:
        """The same for the same settings, so that --resume recognises a run; unique within an experiment."""
        parts = [] if self.source == "sample" else [self.source]
        for letter, value in zip("wbmpf", (getattr(self, axis) for axis in AXES), strict=True):
            if value is not None:
                parts.append(f"{letter}{value:g}" if isinstance(value, float) else f"{letter}{value}")
        parts += ["warm"] if self.warm_up else []
        return "-".join([*parts, str(self.repetition)]).replace(".", "_")

    @property
    def setting(self) -> Setting:
        """What this run shares with its repetitions."""
        return Setting(**{axis: getattr(self, axis) for axis in AXES})


@dataclass(frozen=True)
class Grid:
    """Every combination of the values of its axes, and settings of their own beside them."""

    axes: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Values by the name of a field of :class:`Setting`; an axis without values is left open."""
    extra: tuple[Setting, ...] = ()

    def settings(self) -> list[Setting]:
        """All settings, each once, in the order in which they were named."""
        names = [name for name in AXES if self.axes.get(name)]
        combinations = (
            itertools.product(*(self.axes[name] for name in names)) if names or not self.extra else ()
        )
        made = [Setting(**dict(zip(names, values, strict=True))) for values in combinations]
        return list(dict.fromkeys([*made, *self.extra]))


@dataclass(frozen=True)
class Plan:
    """What a sweep makes of its settings.

    With a ``seed``, order is shuffled within each repetition, so that a drift of the target or its neighbours
    touches all settings alike; None keeps the order of the grid. Runs of one memory size stay together within
    a repetition: a change of memory starts every environment anew. ``warm_up`` runs of the largest world come
    before each such group and are marked.
    """

    settings: tuple[Setting, ...]
    repetitions: int = 1
    warm_up: int = 0
    seed: int | None = None
    source: str = "sample"

    def runs(self) -> list[RunSpec]:
        """Every run, in the order in which they are made."""
        drawn = random.Random(self.seed)  # noqa: S311 - an order that can be repeated, not a secret
        made: list[RunSpec] = []
        for repetition in range(1, self.repetitions + 1):
            memories = list(dict.fromkeys(setting.memory_mb for setting in self.settings))
            self._shuffle(drawn, memories)
            for memory in memories:
                group = [setting for setting in self.settings if setting.memory_mb == memory]
                self._shuffle(drawn, group)
                made += self._warm_ups(group, repetition)
                made += [
                    RunSpec(**asdict(setting), repetition=repetition, source=self.source) for setting in group
                ]
        return made

    def _shuffle(self, drawn: random.Random, items: list[Any]) -> None:
        if self.seed is not None:
            drawn.shuffle(items)

    def _warm_ups(self, group: Sequence[Setting], repetition: int) -> Iterator[RunSpec]:
        # The same whatever the order was, so that --resume finds it under the same name.
        largest = max(group, key=lambda setting: (setting.world_size or 0, self.settings.index(setting)))
        for index in range(1, self.warm_up + 1):
            number = (repetition - 1) * self.warm_up + index
            yield RunSpec(**asdict(largest), repetition=number, source=self.source, warm_up=True)


def remaining(runs: Iterable[RunSpec], done: Callable[[RunSpec], bool]) -> list[RunSpec]:
    """The runs that are not ``done``, and the warm-ups of groups in which there are any.

    A warm-up is made again: environments that it started in an earlier session are gone.
    """
    left: list[RunSpec] = []
    for group in _groups(runs):
        missing = [run for run in group if not run.warm_up and not done(run)]
        if missing:
            left += [run for run in group if run.warm_up] + missing
    return left


def _groups(runs: Iterable[RunSpec]) -> Iterator[list[RunSpec]]:
    """Warm-ups and the measured runs after them."""
    started: list[RunSpec] = []
    for warm_up, some in groupby(runs, key=lambda run: run.warm_up):
        if warm_up and started:
            yield started
            started = []
        started += some
    if started:
        yield started


def check_names(runs: Iterable[RunSpec]) -> None:
    """Raises :class:`SweepError` when two runs would have one id and overwrite each other's results."""
    seen: dict[str, RunSpec] = {}
    for run in runs:
        other = seen.setdefault(run.run_id, run)
        if other != run:
            raise SweepError(
                f"two different runs are both called {run.run_id!r}: make their settings differ more"
            )


def number(value: object) -> int | None:
    """A count from a payload, where numbers may be strings; None when it is not one."""
    try:
        return int(str(value))
    except ValueError:
        return None


def source_name(stem: str) -> str:
    """``stem`` as part of an execution name, which allows letters, digits, dash and underscore."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in stem)[:24]
