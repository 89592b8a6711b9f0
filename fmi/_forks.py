"""What a process that is forked gets of its parent's communicators: nothing.

A child has copies of its parent's descriptors. A connection ends when the last process that holds it closes
it, so a helper that a rank has forked would hide that rank's death from its peers. And what the child wrote
would come in place of what the parent writes.
"""

from __future__ import annotations

import os
import socket
import weakref

_sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()


def close_in_children(sock: socket.socket) -> None:
    """Have every process that is forked from this one close its copy of a socket at once."""
    _sockets.add(sock)


def _close_copies() -> None:
    for sock in list(_sockets):
        sock.close()  # the parent's descriptor keeps the connection up


os.register_at_fork(after_in_child=_close_copies)
