"""FMI: messages between serverless functions, over TCP hole punching.

    import fmi

    with fmi.from_env() as comm:
        total = comm.allreduce(comm.rank, fmi.func(fmi.op.sum), fmi.types(fmi.datatypes.int))

Names are loaded when first used, so that `fmi.protocol.tcpunch`, which the rendezvous server shares, comes
without NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fmi._datatypes import datatypes, types
    from fmi._ops import BAND, BOR, BXOR, LAND, LOR, LXOR, MAX, MIN, PROD, SUM, func, op
    from fmi.channels.base import Channel, World
    from fmi.channels.policy import hints
    from fmi.channels.registry import register_channel
    from fmi.channels.storage.channel import Storage
    from fmi.channels.storage.store import Store
    from fmi.comm._arrays import IN_PLACE
    from fmi.comm._environment import abort_world, finalize, from_env
    from fmi.comm._requests import Request, waitall, waitany
    from fmi.comm.communicator import Communicator
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
    "comm._arrays": ("IN_PLACE",),
    "channels.base": ("Channel", "World"),
    "channels.policy": ("hints",),
    "comm.communicator": ("Communicator",),
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
    "_ops": ("BAND", "BOR", "BXOR", "LAND", "LOR", "LXOR", "MAX", "MIN", "PROD", "SUM", "func", "op"),
    "comm._requests": ("Request", "waitall", "waitany"),
    "comm._environment": ("abort_world", "finalize", "from_env"),
    "channels.registry": ("register_channel",),
    "channels.storage.channel": ("Storage",),
    "channels.storage.store": ("Store",),
    "_datatypes": ("datatypes", "types"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'fmi' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"fmi.{_HOME[name]}"), name)
    globals()[name] = value
    return value
