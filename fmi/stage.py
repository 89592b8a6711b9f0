"""What a collective operation needs to talk: a channel and the call that its messages belong to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fmi.channel import Channel
from fmi.frames import Call
from fmi.values import Array


@dataclass(slots=True)
class Stage:
    """One call of one collective on one rank."""

    channel: Channel
    call: Call
    rank: int
    size: int
    form: int = 0

    def send(self, peer: int, array: Array) -> None:
        """Start sending; the array must not change until `flush`."""
        self.channel.post(peer, self.call, as_bytes(array), self.form)

    def receive(self, peer: int, array: Array) -> None:
        """Fill the array with the peer's next message, and take on its form."""
        self.form = self.channel.receive(peer, self.call, as_bytes(array))

    def prepare(self, peer: int, array: Array) -> None:
        """The next `receive` from this peer will fill this array, so the message may come there before."""
        self.channel.prepare(peer, self.call, as_bytes(array))

    def send_blob(self, peer: int, blob: memoryview) -> None:
        """Start sending bytes whose number the peer need not know; they must not change until `flush`."""
        self.channel.post(peer, self.call, blob, self.form)

    def receive_blob(self, peer: int) -> memoryview:
        """The bytes of the peer's next message, however many."""
        self.form, blob = self.channel.take(peer, self.call)
        return blob

    def flush(self) -> None:
        """Wait until what was sent may change."""
        self.channel.flush()


def as_bytes(array: Array) -> memoryview:
    """The array's memory, without a copy; the array is contiguous."""
    return memoryview(array.view(np.uint8))  # type: ignore[arg-type]
