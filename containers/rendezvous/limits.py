"""What the server allows its clients."""

from __future__ import annotations

from dataclasses import dataclass

# Of the connections that may be open, so many may wait. Were all of them to, the peers they wait for could
# not get in, and nobody would be paired until the first ones are dismissed.
WAITING_OF_OPEN = 4 / 5


@dataclass(frozen=True)
class Limits:
    """Times in seconds; each state of a connection has its own deadline.

    Attributes:
        request_s: for a complete request.
        waiting_s: for the peer to come.
        closing_s: for taking what was written last.
        connections: open connections, whatever their state.
        connections_per_address: the same from one IP address, behind which many functions may sit.
        waiting_clients: clients that wait for a peer or for notifications; see `waiting` and
            `waiting_per_address`.
        note_s: how long an abort note is kept.
        notes: how many are kept; the oldest goes first.
        notes_per_address: the same from one IP address, whose own oldest goes first.
    """

    request_s: float = 5.0
    waiting_s: float = 300.0
    closing_s: float = 5.0
    connections: int = 25_000
    connections_per_address: int = 5_000
    waiting_clients: int = 20_000
    note_s: float = 300.0
    notes: int = 100_000
    notes_per_address: int = 10_000

    @property
    def waiting(self) -> int:
        """Clients that may wait, in all."""
        return min(self.waiting_clients, _room_to_wait(self.connections))

    @property
    def waiting_per_address(self) -> int:
        """The same from one IP address."""
        return _room_to_wait(self.connections_per_address)


def _room_to_wait(connections: int) -> int:
    return max(1, int(connections * WAITING_OF_OPEN))
