"""FMI: messages between serverless functions, over TCP hole punching.

    import fmi

    with fmi.from_env() as comm:
        total = comm.allreduce(comm.rank, fmi.func(fmi.op.sum), fmi.types(fmi.datatypes.int))

Names are loaded when first used, so that `fmi.wire`, which the rendezvous server shares, comes without NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fmi.buffers import IN_PLACE
    from fmi.channel import Channel, World
    from fmi.choice import hints
    from fmi.communicator import Communicator
    from fmi.errors import (
        ChannelError,
        CommunicatorClosed,
        ConfigError,
        FMIError,
        MismatchError,
        PeerFailure,
        RendezvousError,
        Timeout,
    )
    from fmi.functions import BAND, BOR, BXOR, LAND, LOR, LXOR, MAX, MIN, PROD, SUM, func, op
    from fmi.lifecycle import abort_world, finalize, from_env
    from fmi.registry import register_channel
    from fmi.request import Request, waitall, waitany
    from fmi.storage import Storage
    from fmi.store import Store
    from fmi.values import datatypes, types

__all__ = [
    "BAND",
    "BOR",
    "BXOR",
    "IN_PLACE",
    "LAND",
    "LOR",
    "LXOR",
    "MAX",
    "MIN",
    "PROD",
    "SUM",
    "Channel",
    "ChannelError",
    "Communicator",
    "CommunicatorClosed",
    "ConfigError",
    "FMIError",
    "MismatchError",
    "PeerFailure",
    "RendezvousError",
    "Request",
    "Storage",
    "Store",
    "Timeout",
    "World",
    "abort_world",
    "datatypes",
    "finalize",
    "from_env",
    "func",
    "hints",
    "op",
    "register_channel",
    "types",
    "waitall",
    "waitany",
]

_MODULES = {
    "buffers": ("IN_PLACE",),
    "channel": ("Channel", "World"),
    "choice": ("hints",),
    "communicator": ("Communicator",),
    "errors": (
        "ChannelError",
        "CommunicatorClosed",
        "ConfigError",
        "FMIError",
        "MismatchError",
        "PeerFailure",
        "RendezvousError",
        "Timeout",
    ),
    "functions": ("BAND", "BOR", "BXOR", "LAND", "LOR", "LXOR", "MAX", "MIN", "PROD", "SUM", "func", "op"),
    "request": ("Request", "waitall", "waitany"),
    "lifecycle": ("abort_world", "finalize", "from_env"),
    "registry": ("register_channel",),
    "storage": ("Storage",),
    "store": ("Store",),
    "values": ("datatypes", "types"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'fmi' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"fmi.{_HOME[name]}"), name)
    globals()[name] = value
    return value
