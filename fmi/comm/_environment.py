"""Communicators from the environment, and the word of a rank that failed before it had one."""

from __future__ import annotations

import os
from collections.abc import Mapping

from fmi import config
from fmi.channels.base import World
from fmi.channels.registry import open_channel
from fmi.comm.communicator import Communicator
from fmi.errors import ConfigError
from fmi.protocol.frames import Abort
from fmi.rendezvous.client import NOTES_S, Rendezvous, leave_notes
from fmi.rendezvous.handshake import note_pair

DEFAULT_NAME = "fmi"


def from_env(environment: Mapping[str, str] | None = None) -> Communicator:
    """Make the communicator that the environment describes.

    RANK and WORLD_SIZE are required. FMI_CONFIG names an fmi.json; FMI_SECRET, RENDEZVOUS_HOST and
    RENDEZVOUS_PORT win over what it says; FMI_COMM_NAME is the name. Raises ConfigError with one sentence
    that says what to change.
    """
    environment = os.environ if environment is None else environment
    rank, world_size, settings, name = _read(environment)
    memory = _number(environment, "FMI_MEMORY_MB", "128")
    return Communicator(rank, world_size, settings, name, memory)


def abort_world(reason: str, environment: Mapping[str, str] | None = None) -> None:
    """Tell the other ranks, on behalf of one that failed before it had a communicator, not to wait for it.

    Takes the rank and the world from the environment as `from_env` does, and leaves a note for every other
    rank (with Direct, at the rendezvous server): one that waits to pair gets PeerFailure at once, one that
    comes later when it comes, whatever name the script gave its communicator. Gives up after 3 s, twice at
    most. Does nothing in a world of one.
    """
    environment = os.environ if environment is None else environment
    rank, world_size, settings, name = _read(environment)
    if world_size == 1:
        return
    config.require_secret(settings)
    abort = Abort(rank, reason)
    open_channel(World(rank, world_size, name, settings)).abort(abort)
    if "Direct" in settings.channels:
        others = (peer for peer in range(world_size) if peer != rank)
        server = Rendezvous(settings.host, settings.port, settings.protocol, NOTES_S)
        leave_notes(server, [note_pair(settings.secret, name, peer) for peer in others], abort)


def _read(environment: Mapping[str, str]) -> tuple[int, int, config.Config, str]:
    settings = config.resolve(environment.get("FMI_CONFIG") or None, environment)
    rank, world_size = _number(environment, "RANK"), _number(environment, "WORLD_SIZE")
    if not 0 <= rank < world_size:
        raise ConfigError(f"RANK is from 0 to WORLD_SIZE - 1 = {world_size - 1}, not {rank}")
    return rank, world_size, settings, environment.get("FMI_COMM_NAME") or DEFAULT_NAME


def _number(environment: Mapping[str, str], name: str, default: str = "") -> int:
    text = environment.get(name) or default
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"the environment variable {name} is a whole number, not {text!r}") from None
