"""Closing connections so that nothing sent is lost.

A process that ends, or a Lambda environment that freezes, loses what its kernel has not sent yet. Closing a
socket with unread data resets the connection, and the peer loses the last bytes. So a connection is closed
when the peer's host has acknowledged everything, and read until then.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from fmi._tasks import READ, WRITE, Wait, poll
from fmi.protocol.frames import Header
from fmi.transport.connection import Connection
from fmi.transport.send_queue import ConnectionLost

# poll does not report acknowledgements, so they are checked at growing intervals.
FIRST_CHECK_S = 0.0002
LAST_CHECK_S = 0.02


def drain_and_close(connections: Sequence[Connection], last: Header, payload: bytes, limit_s: float) -> None:
    """Send a last frame on every connection and close each when that has arrived, or at the limit."""
    until = time.monotonic() + limit_s
    leaving = [connection for connection in connections if _push(connection, last, payload)]
    interval = FIRST_CHECK_S
    while leaving := [connection for connection in leaving if not _has_arrived(connection)]:
        now = time.monotonic()
        if now >= until:
            break
        sockets = {connection.fd: READ | (WRITE if connection.queue.sending else 0) for connection in leaving}
        ready = poll(Wait(sockets, min(until, now + interval)))
        interval = min(interval * 2, LAST_CHECK_S)
        leaving = [connection for connection in leaving if connection.fd not in ready or _serve(connection)]
    for connection in connections:
        connection.close()


def _push(connection: Connection, last: Header, payload: bytes) -> bool:
    try:
        if connection.queue.push(last.pack(), payload):
            connection.finish()
    except ConnectionLost:
        return False
    return not connection.ended


def _serve(connection: Connection) -> bool:
    """Send and read more; False when the peer is gone, too."""
    try:
        if connection.queue.sending and connection.queue.flush():
            connection.finish()
        connection.read_frames()
    except ConnectionLost:
        return False
    return not connection.ended


def _has_arrived(connection: Connection) -> bool:
    with contextlib.suppress(OSError):
        return not connection.queue.sending and connection.unacknowledged() == 0
    return True
