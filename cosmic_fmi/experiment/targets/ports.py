"""A TCP port for a server that is not always there."""

from __future__ import annotations

import secrets
import socket

FIXED = range(20_000, 32_700)
"""Below what operating systems give to connections and to servers that name no port: 32768 and up on Linux,
49152 and up on macOS and by RFC 6335. From there a port would be gone as soon as its server is."""


def free_port() -> int:
    """A port of :data:`FIXED` that nothing uses, below another such, for a server's health and metrics.

    Servers of other programs may listen there too, so the choice is random. Raises OSError where every port
    that was tried is in use.
    """
    for _ in range(1000):
        port = secrets.choice(FIXED)
        if _is_free(port) and _is_free(port + 1):
            return port
    raise OSError(f"no free port from {FIXED.start} to {FIXED.stop - 1} was found.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
