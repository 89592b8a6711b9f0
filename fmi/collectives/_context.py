"""The parts of `fmi.collectives.context` that some modules import under this name."""

from fmi.collectives.context import Context, as_bytes

__all__ = ["Context", "as_bytes"]
