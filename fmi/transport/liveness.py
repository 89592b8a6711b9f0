"""Hosts that vanish without a word, as a function's does at its time limit: no packet says that it is gone.

Keep-alives find one out only while nothing is on the way to it. Once something is, TCP sends that again and
again, for a quarter of an hour. So a rank that waits looks now and then whether a peer's host still answers
at all. A limit on the sockets themselves (TCP_USER_TIMEOUT) would not do: it also ends the connection to a
rank that computes and has no room for more.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Iterable

from fmi.transport.connection import Connection

LOOK_EVERY_S = 1.0
SILENCE_S = 10.0
UNANSWERED = 3

# The first fields of Linux' struct tcp_info (linux/tcp.h): eight bytes, of which the third and fourth count
# retransmissions and probes without an answer, and thirteen 32-bit numbers, of which the last is how many
# milliseconds ago the peer last acknowledged something.
_TCP_INFO = struct.Struct("8B13I")
_RETRANSMISSIONS, _PROBES, _LAST_ANSWER = 2, 3, 20


class Liveness:
    """Looks after connections, at most once a second; `due` is when the next time is (`time.monotonic()`)."""

    def __init__(self) -> None:
        self.due = 0.0

    def lost(self, connections: Iterable[Connection]) -> Connection | None:
        """A connection whose peer's host has answered nothing for too long, if it is time to look."""
        now = time.monotonic()
        if now < self.due:
            return None
        self.due = now + LOOK_EVERY_S
        return next((connection for connection in connections if is_silent(connection.sock)), None)


def is_silent(sock: socket.socket) -> bool:
    """Whether the other host leaves unanswered what it would have to answer; False where nobody can tell."""
    if sys.platform != "linux":
        return False
    info = _TCP_INFO.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size))
    unanswered: int = info[_RETRANSMISSIONS] + info[_PROBES]
    silence_ms: int = info[_LAST_ANSWER]
    return unanswered >= UNANSWERED and silence_ms >= SILENCE_S * 1000
