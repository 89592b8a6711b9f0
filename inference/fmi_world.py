"""`inference.reduce.World` over an FMI communicator, with FMI's original list interface."""

import fmi
from inference.reduce import ROOT


class FmiWorld:
    """`size` ranks that talk through `communicator`."""

    def __init__(self, communicator: fmi.Communicator, rank: int, size: int) -> None:
        self.communicator = communicator
        self.rank = rank
        self.size = size

    def sum(self, values: list[float]) -> list[float]:
        """Allreduce of doubles."""
        kind = fmi.types(fmi.datatypes.double_list, len(values))
        return list(self.communicator.allreduce(values, fmi.func(fmi.op.sum), kind))

    def collect(self, values: list[float]) -> list[list[float]]:
        """Gather the lengths, then the lists, padded to the longest.

        Padding keeps to the connections that the sums already made, where a message from every rank to rank 0
        would have that one pair with each of them.
        """
        count = [len(values)]
        of_one = fmi.types(fmi.datatypes.int_list, 1)
        longest = int(self.communicator.allreduce(count, fmi.func(fmi.op.max), of_one)[0])
        counts = self.communicator.gather(count, ROOT, of_one)
        if longest == 0:
            return [[] for _ in range(self.size)] if self.rank == ROOT else []
        padded = values + [0.0] * (longest - len(values))
        kind = fmi.types(fmi.datatypes.double_list, longest)
        everything = self.communicator.gather(padded, ROOT, kind)
        if self.rank != ROOT:
            return []
        starts = range(0, longest * self.size, longest)
        return [list(everything[start : start + n]) for start, n in zip(starts, counts, strict=True)]

    def share(self, values: list[float]) -> list[float]:
        """Broadcast of doubles."""
        return list(self.communicator.bcast(values, ROOT, fmi.types(fmi.datatypes.double_list, len(values))))
