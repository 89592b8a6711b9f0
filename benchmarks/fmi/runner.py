"""Runs the cases on all systems in turns, so that what else the machine does hits all of them alike."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from benchmarks.fmi.cases import CASES, SETUP, Case
from benchmarks.fmi.worlds import World, rendezvous_server

Samples = dict[tuple[str, int, Case], list[float]]


class Column(NamedTuple):
    """A column of the table: a system, and the congestion control of its connections ("" is its own)."""

    title: str
    system: str
    congestion: str = ""


OURS = "FMI, arrays"
LISTS = "FMI, lists"


class Plan(NamedTuple):
    """How long to measure.

    Attributes:
        rounds: turns each case takes through all systems.
        budget_s: of one case, system and round.
        most: repetitions of one case, system and round.
        sizes: worlds for operations.
        setups: worlds for setting up.
        cases: operations.
    """

    rounds: int
    budget_s: float
    most: int
    sizes: Sequence[int]
    setups: Sequence[int]
    cases: Sequence[Case] = CASES


FULL = Plan(5, 0.5, 300, (2, 4, 8), (2, 4, 8, 16, 32))
QUICK = Plan(2, 0.1, 50, (2, 4, 8), (2, 4, 8, 16, 32))


def columns(peers: bool, default: str) -> list[Column]:
    """What is compared. `default` is the congestion control that the machine gives to new connections."""
    ours = [Column(OURS, "arrays"), Column(LISTS, "lists")]
    raw = [Column("socket, blocking", "raw"), Column("socket, spinning", "spinning")]
    if not peers:
        return [*ours, *raw]
    others = []
    for system, title in (("gloo", "gloo"), ("mpi", "MPI")):
        others.append(Column(title, system, default))
        if default not in ("cubic", ""):
            others.append(Column(f"{title}, cubic", system, "cubic"))
    return [*ours, *others, *raw]


def measure(
    plan: Plan, compared: Sequence[Column], tell: Callable[[str], None]
) -> tuple[Samples, dict[int, int]]:
    """All cases on all systems.

    Returns:
        Seconds of every round's median by column, ranks and case; and how many TCP connections MPI's ranks
        had among them, by ranks.
    """
    samples: Samples = {}
    mpi_connections: dict[int, int] = {}
    with rendezvous_server() as rendezvous:
        for size in sorted({*plan.sizes, *plan.setups}):
            systems = [name for name in dict.fromkeys(c.system for c in compared) if _takes_part(name, size)]
            if size in plan.sizes:
                tell(f"{size} ranks: starting {', '.join(systems)}")
                with ExitStack() as stack:
                    worlds = {name: stack.enter_context(World(name, size, rendezvous)) for name in systems}
                    _measure_size(plan, compared, worlds, samples, tell)
                    if "mpi" in worlds:
                        mpi_connections[size] = worlds["mpi"].connections()
            if size in plan.setups:
                tell(f"{size} ranks: setting up")
                _measure_setups(plan, compared, size, rendezvous, samples)
    return samples, mpi_connections


def _takes_part(system: str, size: int) -> bool:
    return size == 2 if system in ("raw", "spinning") else True


def _measure_size(
    plan: Plan,
    compared: Sequence[Column],
    worlds: dict[str, World],
    samples: Samples,
    tell: Callable[[str], None],
) -> None:
    size = 0
    for each in worlds.values():
        each.set_up()
        size = each.size
    repetitions: dict[tuple[Column, Case], int] = {}
    for round_number, case in itertools.product(range(plan.rounds), plan.cases):
        if size not in case.ranks:
            continue
        if round_number == 0:
            tell(f"{size} ranks: {case.label}")
        for column in _turn(compared, round_number):
            world = worlds.get(column.system)
            if world is None or (column.system in ("raw", "spinning") and case.operation != "pingpong"):
                continue
            times = repetitions.get((column, case)) or _repetitions(plan, world, case, column)
            repetitions[column, case] = times
            seconds = world.time(case.operation, case.nbytes, times, column.congestion)
            samples.setdefault((column.title, size, case), []).append(statistics.median(seconds))


def _turn(compared: Sequence[Column], round_number: int) -> Iterator[Column]:
    """The columns, each round beginning with another one."""
    first = round_number % len(compared)
    yield from (*compared[first:], *compared[:first])


def _repetitions(plan: Plan, world: World, case: Case, column: Column) -> int:
    """As many as fit into the budget."""
    once = statistics.median(world.time(case.operation, case.nbytes, 3, column.congestion))
    return max(3, min(plan.most, int(plan.budget_s / once)))


def _measure_setups(
    plan: Plan, compared: Sequence[Column], size: int, rendezvous: str, samples: Samples
) -> None:
    """MPI can be initialized once in a process, so every round starts its ranks anew; others set up again."""
    systems = {column.system: column.title for column in reversed(compared)}
    wanted = [name for name in ("arrays", "gloo", "mpi") if name in systems and (size <= 8 or name != "gloo")]
    with ExitStack() as stack:
        worlds = {
            name: stack.enter_context(World(name, size, rendezvous)) for name in wanted if name != "mpi"
        }
        for world in worlds.values():
            world.set_up()  # what is imported at the first time is there from now on
        for _ in range(plan.rounds):
            for name in wanted:
                key = (systems[name], size, SETUP)
                if name == "mpi":
                    with World(name, size, rendezvous) as world:
                        samples.setdefault(key, []).append(world.set_up())
                else:
                    samples.setdefault(key, []).append(worlds[name].set_up())
