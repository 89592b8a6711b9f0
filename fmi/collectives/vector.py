"""The part of `fmi.collectives.topology` that some modules import under this name."""

from fmi.collectives.topology import exchange_peers

__all__ = ["exchange_peers"]
