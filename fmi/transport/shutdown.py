"""Closing links so that nothing sent is lost.

A process that ends, or a Lambda environment that freezes, loses what its kernel has not sent yet, and
closing a socket with unread data resets the connection under the last words. So a link is closed when the
peer's host has acknowledged everything, and read meanwhile.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from fmi._tasks import READ, WRITE, Wait, poll
from fmi.protocol.frames import Header
from fmi.transport._send_queue import LinkLost
from fmi.transport.connection import Link

# Acknowledgements raise no event, so they are looked for at growing intervals.
FIRST_LOOK_S = 0.0002
LAST_LOOK_S = 0.02


def part(links: Sequence[Link], last: Header, payload: bytes, limit_s: float) -> None:
    """Send a last frame on every link and close each when that has arrived, or at the limit."""
    until = time.monotonic() + limit_s
    leaving = [link for link in links if _push(link, last, payload)]
    look = FIRST_LOOK_S
    while leaving := [link for link in leaving if not _has_arrived(link)]:
        now = time.monotonic()
        if now >= until:
            break
        sockets = {link.fileno(): READ | (WRITE if link.sending else 0) for link in leaving}
        ready = poll(Wait(sockets, min(until, now + look)))
        look = min(look * 2, LAST_LOOK_S)
        leaving = [link for link in leaving if link.fileno() not in ready or _go_on(link)]
    for link in links:
        link.close()


def _push(link: Link, last: Header, payload: bytes) -> bool:
    try:
        if link.push(last.pack(), payload):
            link.finish()
    except LinkLost:
        return False
    return not link.ended


def _go_on(link: Link) -> bool:
    """Send and read on; False when the peer is gone too, so that there is nobody to wait for."""
    try:
        if link.sending and link.flush():
            link.finish()
        link.pump()
    except LinkLost:
        return False
    return not link.ended


def _has_arrived(link: Link) -> bool:
    with contextlib.suppress(OSError):
        return not link.sending and link.unacknowledged() == 0
    return True
