"""Channels by name: those that come with the library, and those that users register."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from fmi.channels.base import Channel, World
from fmi.errors import ConfigError

# Makes a world's channel from its settings, the object under `backends.<name>` of the configuration.
Factory = Callable[[World, Mapping[str, Any]], Channel]

# Imported when first used: a world that talks over TCP needs no Redis client.
_BUILTIN = {
    "Direct": "fmi.channels.direct.channel",
    "Redis": "fmi.channels.storage.redis_store",
    "S3": "fmi.channels.storage.s3_store",
}
_registered: dict[str, Factory] = {}


def register_channel(name: str, factory: Factory) -> None:
    """Register a channel, so that `backends.<name>` in the configuration can enable it.

    Every rank registers it before it makes its communicator.

    Args:
        name: its name in the configuration and the price model.
        factory: called as factory(world, settings) with the rank's `World` and the object under
            `backends.<name>` in the configuration; returns a `Channel`.

    Raises:
        ValueError: the name is taken.
        TypeError: the factory cannot be called.
    """
    if not callable(factory):
        raise TypeError(f"the factory of channel {name!r} is a callable, not {factory!r}")
    if name in _BUILTIN or name in _registered:
        raise ValueError(f"there is a channel named {name!r} already; choose another name")
    _registered[name] = factory


def known_channels() -> list[str]:
    """The names that a configuration may enable."""
    return [*_BUILTIN, *_registered]


def open_channel(world: World) -> Channel:
    """The channel that the configuration enables, or a `MultiChannel` over several.

    Raises:
        ConfigError: nobody registered a channel of that name, or its settings are wrong.
    """
    factories = {name: _factory(name) for name in world.config.channels}
    channels = {name: make(world, world.config.channels[name]) for name, make in factories.items()}
    if len(channels) == 1:
        return next(iter(channels.values()))
    from fmi.channels.multi import MultiChannel  # noqa: PLC0415 - the model is needed only where there is a choice

    return MultiChannel(world, channels)


def _factory(name: str) -> Factory:
    if name in _registered:
        return _registered[name]
    if name not in _BUILTIN:
        raise ConfigError(
            f"there is no channel named {name!r}: enable one of {', '.join(known_channels())}, "
            "or call fmi.register_channel before making the communicator"
        )
    factory: Factory = importlib.import_module(_BUILTIN[name]).open_channel
    return factory
