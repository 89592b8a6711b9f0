"""Notices hosts that vanish without a packet, as a function's host does at its time limit.

Keep-alives notice that only while nothing is on its way to the host. Once something is, TCP retransmits it
for a quarter of an hour. So a rank that waits checks now and then whether a peer's host still answers at all.
A limit on the sockets themselves (TCP_USER_TIMEOUT) would not do: it also ends the connection to a rank that
computes and has no room for more.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Iterable

from fmi.transport.connection import Connection

CHECK_EVERY_S = 1.0
SILENCE_S = 10.0
UNANSWERED = 3

# The first fields of Linux' struct tcp_info (linux/tcp.h): eight bytes, of which the third and fourth count
# retransmissions and probes without an answer, and thirteen 32-bit numbers, of which the last is how many
# milliseconds ago the peer last acknowledged something.
_TCP_INFO = struct.Struct("8B13I")
_RETRANSMISSIONS, _PROBES, _LAST_ANSWER = 2, 3, 20


class Liveness:
    """Checks connections at most once a second; `due` is the time of the next check (`time.monotonic()`)."""

    def __init__(self) -> None:
        self.due = 0.0

    def lost(self, connections: Iterable[Connection]) -> Connection | None:
        """A connection whose peer's host has not answered for too long, if it is time to check."""
        now = time.monotonic()
        if now < self.due:
            return None
        self.due = now + CHECK_EVERY_S
        return next((connection for connection in connections if is_silent(connection.sock)), None)


def is_silent(sock: socket.socket) -> bool:
    """Whether the other host does not answer what it would have to; False where the system cannot tell."""
    if sys.platform != "linux":
        return False
    info = _TCP_INFO.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size))
    unanswered: int = info[_RETRANSMISSIONS] + info[_PROBES]
    silence_ms: int = info[_LAST_ANSWER]
    return unanswered >= UNANSWERED and silence_ms >= SILENCE_S * 1000
