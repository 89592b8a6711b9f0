"""Listening sockets, and room for the connections that come in through them."""

from __future__ import annotations

import contextlib
import logging
import resource
import socket

log = logging.getLogger("rendezvous")

# Descriptors that the process itself needs beside those of its clients.
SPARE_FILES = 64


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """A non-blocking listening socket. Raises OSError, whose strerror is one sentence with the address."""
    try:
        listener = socket.create_server((host, port), backlog=backlog)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {reason}") from error
    listener.setblocking(False)
    return listener


def allow_connections(count: int) -> int:
    """Raise the limit of open files to what so many connections need, or as far as this process may.

    Returns how many connections there can be. More would leave no descriptor for the health check, and a
    server that is only full would be ended as ill.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + SPARE_FILES
    enough = resource.RLIM_INFINITY
    if soft == enough or soft >= needed:
        return count
    # Only root may go above the hard limit.
    choices = [(needed, hard)] if hard == enough or hard >= needed else [(needed, needed), (hard, hard)]
    for choice in choices:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, choice)
            break
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == enough or soft >= needed:
        return count
    log.warning("fewer open files than connections allowed", extra={"open_files": soft, "needed": needed})
    return max(1, soft - SPARE_FILES)
