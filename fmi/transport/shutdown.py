"""Closing connections so that nothing sent is lost.

A process that ends, or a Lambda environment that freezes, loses what its kernel has not sent yet, and
closing a socket with unread data resets the connection under the last words. So a connection is closed when
the peer's host has acknowledged everything, and read meanwhile.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from fmi._tasks import READ, WRITE, Wait, poll
from fmi.protocol.frames import Header
from fmi.transport.connection import Connection
from fmi.transport.send_queue import ConnectionLost

# Acknowledgements raise no event, so they are looked for at growing intervals.
FIRST_LOOK_S = 0.0002
LAST_LOOK_S = 0.02


def drain_and_close(connections: Sequence[Connection], last: Header, payload: bytes, limit_s: float) -> None:
    """Send a last frame on every connection and close each when that has arrived, or at the limit."""
    until = time.monotonic() + limit_s
    leaving = [connection for connection in connections if _push(connection, last, payload)]
    look = FIRST_LOOK_S
    while leaving := [connection for connection in leaving if not _has_arrived(connection)]:
        now = time.monotonic()
        if now >= until:
            break
        sockets = {connection.fileno(): READ | (WRITE if connection.sending else 0) for connection in leaving}
        ready = poll(Wait(sockets, min(until, now + look)))
        look = min(look * 2, LAST_LOOK_S)
        leaving = [
            connection for connection in leaving if connection.fileno() not in ready or _go_on(connection)
        ]
    for connection in connections:
        connection.close()


def _push(connection: Connection, last: Header, payload: bytes) -> bool:
    try:
        if connection.push(last.pack(), payload):
            connection.finish()
    except ConnectionLost:
        return False
    return not connection.ended


def _go_on(connection: Connection) -> bool:
    """Send and read on; False when the peer is gone too, so that there is nobody to wait for."""
    try:
        if connection.sending and connection.flush():
            connection.finish()
        connection.read_frames()
    except ConnectionLost:
        return False
    return not connection.ended


def _has_arrived(connection: Connection) -> bool:
    with contextlib.suppress(OSError):
        return not connection.sending and connection.unacknowledged() == 0
    return True
