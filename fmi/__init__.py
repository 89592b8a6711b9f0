"""FMI: messages between serverless functions, over TCP hole punching.

    import fmi

    with fmi.from_env() as comm:
        total = comm.allreduce(comm.rank, fmi.func(fmi.op.sum), fmi.types(fmi.datatypes.int))

The layers, from top to bottom; each imports only what is below it, and those in one line do not know each
other. The docstring of a package says what its files are.

    cli/, __main__.py                         `python -m fmi`
    comm/                                     what users call: the communicator and its requests
    channels/                                 what carries messages: direct (TCP), storage (Redis, S3)
    collectives/ | transport/ | rendezvous/   algorithms | bytes between two ranks | how two ranks meet
    _tasks.py | _forks.py                     waiting for many sockets at once | what a forked process keeps
    protocol/                                 what is on the wire
    _datatypes.py | _ops.py                   element types and values | reduction functions
    config.py, config_file.py                 fmi.json and the environment | where the file is
    compiled.py | errors.py                   libraries in C, where they were compiled | what can go wrong

Names are loaded when first used, so that `fmi.protocol.tcpunch`, which the rendezvous server shares, comes
without NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fmi._datatypes import datatypes, types
    from fmi._ops import BAND, BOR, BXOR, LAND, LOR, LXOR, MAX, MIN, PROD, SUM, func, op
    from fmi.channels.base import Channel, World, hints
    from fmi.channels.registry import register_channel
    from fmi.channels.storage.channel import Storage
    from fmi.channels.storage.store import Store
    from fmi.comm._arrays import IN_PLACE
    from fmi.comm._environment import abort_world, from_env
    from fmi.comm._live import finalize
    from fmi.comm._requests import PersistentRequest, Request, waitall, waitany
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
    "PersistentRequest",
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
    "channels.base": ("Channel", "World", "hints"),
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
    "comm._requests": ("PersistentRequest", "Request", "waitall", "waitany"),
    "comm._environment": ("abort_world", "from_env"),
    "comm._live": ("finalize",),
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
