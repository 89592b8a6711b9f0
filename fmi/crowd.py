"""Whether the ranks of a world outnumber the cores that they share.

Where they do, what counts is how many messages there are in all, and elsewhere how many there are one after
the other; so this decides between algorithms, and every rank must come to the same answer. All know the
rendezvous server's address and the size of the world: ranks that meet over loopback are on one machine.
"""

from __future__ import annotations

import ipaddress
import os


def is_crowded(world_size: int, rendezvous_host: str) -> bool:
    """Whether all ranks are known to be on this machine, and more than it has cores; alike on every rank."""
    return _is_loopback(rendezvous_host) and world_size > (os.cpu_count() or 1)


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
