"""What a collective operation needs to talk: what carries its messages, and the call that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fmi._datatypes import Array
from fmi.protocol.frames import Call


class Messages(Protocol):
    """What collective operations use of a channel; `fmi.channels.base.Channel` describes the methods."""

    oversubscribed: bool

    def post(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> None:
        """Start sending."""

    def flush(self) -> None:
        """Wait until everything posted is on its way."""

    def receive(self, peer: int, call: Call, into: memoryview) -> int:
        """Wait for a message that fills the buffer; returns its form."""

    def prepare(self, peer: int, call: Call, into: memoryview) -> None:
        """The next `receive` from this peer will be into this buffer."""

    def take(self, peer: int, call: Call) -> tuple[int, memoryview]:
        """Wait for a message of any length; its form and its payload."""


@dataclass(slots=True)
class Context:
    """One call of one collective on one rank."""

    channel: Messages
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
