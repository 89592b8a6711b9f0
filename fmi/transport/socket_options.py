"""Options of the sockets that messages go over."""

from __future__ import annotations

import contextlib
import socket

CONGESTION_CONTROL = b"cubic"


def tune(sock: socket.socket) -> None:
    """No delay for small frames, and word within seconds when the peer's host vanishes without a packet.

    Keep-alives also keep a NAT's mapping from expiring while the ranks compute.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle = getattr(socket, "TCP_KEEPIDLE", None) or getattr(socket, "TCP_KEEPALIVE", None)
    if idle is not None:
        sock.setsockopt(socket.IPPROTO_TCP, idle, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    if hasattr(socket, "TCP_CONGESTION"):
        # bbr paces what would better go at once; where cubic is not allowed the default stays.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION_CONTROL)
