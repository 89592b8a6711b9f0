"""The part of `fmi.channels.storage.channel` that some modules import under this name."""

from fmi.channels.storage.channel import LOOK_EVERY_S

__all__ = ["LOOK_EVERY_S"]
