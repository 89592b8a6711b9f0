"""Whether the ranks of a world outnumber the cores that they share.

Where they do, what counts is how many messages there are in all, and elsewhere how many there are one after
the other; so this decides between algorithms, and every rank must come to the same answer. All know the
rendezvous server's address and the size of the world: ranks that meet over loopback are on one machine.
"""

from __future__ import annotations

import ipaddress
import os


def ranks_per_core(world_size: int, rendezvous_host: str) -> float:
    """How many ranks share a core as far as every rank knows: 1 unless all are on this machine."""
    if not _is_loopback(rendezvous_host):
        return 1.0
    return max(1.0, world_size / (os.cpu_count() or 1))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
