"""`inference.rank.reduce.World` over an FMI communicator."""

import numpy as np

import fmi
from inference.rank.reduce import ROOT


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
        """Gather of lists whose lengths differ."""
        everything = self.communicator.gather(np.array(values, np.float64), ROOT)
        return [] if everything is None else [part.tolist() for part in everything]

    def share(self, values: list[float]) -> list[float]:
        """Broadcast of doubles."""
        return list(self.communicator.bcast(values, ROOT, fmi.types(fmi.datatypes.double_list, len(values))))
