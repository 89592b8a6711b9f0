"""The reduction of objects, which `fmi._ops` holds, under the name that some modules import."""

from fmi._ops import fold

__all__ = ["fold"]
