"""The part of `fmi.collectives.topology` that some modules import under this name."""

from fmi.collectives.topology import tree_peers

__all__ = ["tree_peers"]
