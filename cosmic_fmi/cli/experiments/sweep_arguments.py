"""From the arguments of `cosmic-fmi run` to a plan: of the axes given, a sweep file, or a resumed sweep."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cosmic_fmi.cli.experiments.program_arguments import program_of, program_options
from cosmic_fmi.experiment.plan.plan import DEFAULT_BATCH_SIZE, DEFAULT_WORLD_SIZES, Grid, Plan

if TYPE_CHECKING:
    from cosmic_fmi.experiment.plan.file import SweepFile
    from cosmic_fmi.experiment.plan.inputs import Input

_AXES = {
    "world_size": "world_size",
    "batch_size": "batch_size",
    "memory": "memory_mb",
    "partition_mb": "partition_mb",
    "files": "files",
}
DEFAULT_SEED = 0
DEFAULT_WORLD_SIZE = 4
"""Of a program that is named without an option: it is run once, as by mpiexec."""


@dataclass(frozen=True)
class Sweep:
    """What is to be run, on what; ``target`` is the one that a resumed sweep was made on."""

    plan: Plan
    input: Input
    target: str | None = None
    budget_usd: float | None = None


def axes_of(arguments: argparse.Namespace) -> list[str]:
    """The options that name an axis and were given."""
    return [f"--{name.replace('_', '-')}" for name in _AXES if getattr(arguments, name)]


def sweep_of(arguments: argparse.Namespace) -> Sweep:
    """The sweep that these arguments ask for."""
    from cosmic_fmi.experiment.plan.file import SweepFile, read_sweep_file
    from cosmic_fmi.experiment.plan.inputs import Input
    from cosmic_fmi.experiment.plan.record import read_record

    if arguments.sweep is not None:
        return _from_file(arguments, read_sweep_file(arguments.sweep))
    given = arguments.payload or program_of(arguments) or axes_of(arguments)
    if arguments.resume and not given:
        record = read_record(arguments.output)
        plan = replace(record.plan, repetitions=arguments.runs or record.plan.repetitions)
        return Sweep(plan, record.input, record.target, record.budget_usd)
    source = Input(
        arguments.payload, program_of(arguments), arguments.requirements, program_options(arguments)
    )
    axes = {axis: tuple(getattr(arguments, name)) for name, axis in _AXES.items()}
    if arguments.program is not None and not axes["world_size"]:
        axes["world_size"] = (DEFAULT_WORLD_SIZE,)
    # Without a word about what to run, the usual worlds are compared: none of them should have a cold start.
    usual = SweepFile(Grid(), warm_up=None if given else 1)
    return Sweep(_plan(arguments, Grid(axes), source, usual), source)


def _from_file(arguments: argparse.Namespace, file: SweepFile) -> Sweep:
    from cosmic_fmi.experiment.plan.inputs import Input

    source = Input(file.payload, file.script, file.requirements)
    return Sweep(_plan(arguments, file.grid, source, file), source, budget_usd=file.budget_usd)


def _plan(arguments: argparse.Namespace, grid: Grid, source: Input, file: SweepFile) -> Plan:
    """The command line's numbers before the file's, and the usual ones where neither says."""
    shuffle = not arguments.no_shuffle and file.shuffle is not False
    seed = _first(arguments.seed, file.seed, DEFAULT_SEED)
    return Plan(
        settings=tuple(_with_defaults(grid, source).settings()),
        repetitions=_first(arguments.runs, file.repetitions, 1),
        warm_up=_first(arguments.warm_up, file.warm_up, 0),
        seed=seed if shuffle else None,
        source=source.source,
    )


def _with_defaults(grid: Grid, source: Input) -> Grid:
    """The usual worlds and batch size on axes that are open, where the input does not say them itself."""
    if grid.extra and not any(grid.axes.values()):
        return grid
    axes = dict(grid.axes)
    if source.payload is None and not axes.get("world_size"):
        axes["world_size"] = DEFAULT_WORLD_SIZES
    if source.payload is None and source.script is None and not axes.get("batch_size"):
        axes["batch_size"] = (DEFAULT_BATCH_SIZE,)
    return Grid(axes, grid.extra)


def _first(*values: int | None) -> int:
    """The first that is not None."""
    return next(value for value in values if value is not None)
