"""What is measured, and what the original FMI took for it elsewhere."""

from __future__ import annotations

from typing import NamedTuple

KIB, MIB = 1 << 10, 1 << 20


class Case(NamedTuple):
    """One operation at one size.

    Attributes:
        operation: setup, barrier, allreduce, bcast, reduce, gather or pingpong.
        nbytes: of each rank's array of doubles; of the message for pingpong.
        ranks: the worlds it is measured in.
    """

    operation: str
    nbytes: int = 0
    ranks: tuple[int, ...] = (2, 4, 8)

    @property
    def label(self) -> str:
        """The row's name."""
        names = {"setup": "set-up to first barrier", "pingpong": "point to point, one way"}
        name = names.get(self.operation, self.operation)
        if not self.nbytes:
            return name
        for unit, text in ((MIB, "MiB"), (KIB, "KiB"), (1, "B")):
            if self.nbytes >= unit:
                return f"{name} {self.nbytes // unit} {text}"
        return name


SETUP = Case("setup", ranks=(2, 4, 8, 16, 32))
CASES = [
    Case("barrier"),
    Case("allreduce", 8),
    Case("allreduce", 8 * KIB),
    Case("allreduce", MIB),
    Case("allreduce", 16 * MIB),
    Case("bcast", 16 * MIB),
    Case("reduce", 16 * MIB),
    Case("gather", MIB),
    Case("pingpong", 8, (2,)),
    Case("pingpong", 8 * KIB, (2,)),
    Case("pingpong", MIB, (2,)),
    Case("pingpong", 16 * MIB, (2,)),
]

# Seconds that the original C++ FMI took through its Python interface, on lists: medians of five interleaved
# runs on two cores of another machine. It does not build here, so its column is quoted, not measured.
QUOTED: dict[tuple[str, int], dict[int, float]] = {
    ("setup", 0): {2: 0.101, 4: 0.202, 8: 0.305},
    ("barrier", 0): {2: 100e-6, 4: 126e-6, 8: 303e-6},
    ("allreduce", 8): {2: 109e-6, 4: 137e-6, 8: 280e-6},
    ("allreduce", 8 * KIB): {2: 202e-6, 4: 358e-6, 8: 794e-6},
    ("allreduce", MIB): {2: 18.7e-3, 4: 48e-3, 8: 120e-3},
    ("allreduce", 16 * MIB): {2: 0.309, 4: 0.735, 8: 1.932},
    ("bcast", 16 * MIB): {2: 0.229, 4: 0.366, 8: 0.567},
    ("pingpong", 16 * MIB): {2: 0.230},
    ("pingpong", 8): {2: 41e-6},
}

# What MPI over TCP took beside it in those runs: how that machine compares with the one at hand.
QUOTED_MPI: dict[tuple[str, int], dict[int, float]] = {
    ("barrier", 0): {2: 14e-6, 4: 64e-6, 8: 329e-6},
    ("allreduce", 8): {2: 16e-6, 4: 95e-6, 8: 392e-6},
    ("allreduce", 8 * KIB): {2: 19e-6, 4: 174e-6, 8: 554e-6},
    ("allreduce", MIB): {2: 0.42e-3, 4: 1.7e-3, 8: 5.3e-3},
    ("allreduce", 16 * MIB): {2: 14e-3, 4: 49e-3, 8: 111e-3},
    ("bcast", 16 * MIB): {2: 6.7e-3, 4: 21e-3, 8: 45e-3},
    ("pingpong", 16 * MIB): {2: 7.1e-3},
    ("pingpong", 8): {2: 9e-6},
}


def quoted(case: Case, ranks: int) -> float | None:
    """What the original took, if it was measured."""
    return QUOTED.get((case.operation, case.nbytes), {}).get(ranks)


def quoted_mpi(case: Case, ranks: int) -> float | None:
    """What MPI took where the original was measured."""
    return QUOTED_MPI.get((case.operation, case.nbytes), {}).get(ranks)
