"""The codes of element types, which `fmi._datatypes` holds, under the name that some modules import."""

from fmi._datatypes import NO_DTYPE, OBJECT, dtype_code, dtype_of

__all__ = ["NO_DTYPE", "OBJECT", "dtype_code", "dtype_of"]
