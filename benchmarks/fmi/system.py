"""What a system has to do to be measured: one small class each."""

from __future__ import annotations

import abc
from collections.abc import Callable

Step = Callable[[], object]


class System(abc.ABC):
    """One rank of one message-passing system.

    Args:
        rank, size: who this is, and of how many.
        rendezvous: host and port of the rendezvous server, for those that use it.
    """

    def __init__(self, rank: int, size: int, rendezvous: tuple[str, int]) -> None:
        self.rank = rank
        self.size = size
        self.rendezvous = rendezvous

    @abc.abstractmethod
    def set_up(self, name: str, port: int) -> None:
        """Make a world of its own, under a name and with a free port that no other world has."""

    @abc.abstractmethod
    def barrier(self) -> None:
        """Wait for all ranks."""

    @abc.abstractmethod
    def prepare(self, operation: str, nbytes: int) -> Step:
        """Make the buffers; returns what is to be timed. A pingpong step is there and back."""

    def close(self) -> None:  # noqa: B027 - most end with their process
        """Leave the world."""
