"""Calls that were made before: an object for each kind keeps what does not change from one to the next."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fmi._datatypes import Array
    from fmi.channels.direct._large_frames import LargeFrames


class PersistentCall(abc.ABC):
    """One kind of call (operation, function, element type, shape) on one rank.

    Attributes:
        name: of the operation.
        moved: bytes sent and received in each call.
        kept: bytes of the buffers.

    Args:
        channel: the connections; this rank is connected with everyone that it talks to.
        name: see above.

    """

    def __init__(self, channel: LargeFrames, name: str) -> None:
        self._channel = channel
        self._was_slow = False
        self.name = name
        self.moved = 0
        self.kept = 0

    @abc.abstractmethod
    def run(self, sequence: int, operand: Array | None, result: Array | None) -> None:
        """Make the call. Raises what the operation raises.

        Args:
            sequence: the call's number.
            operand: what this rank passes; None where it passes nothing.
            result: is filled with what it gets; None where it gets nothing.
        """

    def _finish(self) -> None:
        """The call is over."""
        channel = self._channel
        if channel.urgent:
            channel.flush()
            self._was_slow = True
        if self._was_slow:  # others may have begun to pair with this rank meanwhile
            self._was_slow = False
            channel.rest()
