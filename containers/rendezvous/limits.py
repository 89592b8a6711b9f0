"""What the server allows its clients."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Times in seconds; each state of a connection has its own deadline.

    Attributes:
        request_s: for a complete request.
        waiting_s: for the peer to come.
        closing_s: for taking the last words.
        connections: open connections, whatever their state.
        connections_per_address: the same from one IP address, behind which many functions may sit.
        waiting_clients: clients that wait for a peer or for rings.
        note_s: how long a note stands.
        notes: how many notes stand; the oldest goes first.
    """

    request_s: float = 5.0
    waiting_s: float = 300.0
    closing_s: float = 5.0
    connections: int = 25_000
    connections_per_address: int = 5_000
    waiting_clients: int = 20_000
    note_s: float = 300.0
    notes: int = 100_000
