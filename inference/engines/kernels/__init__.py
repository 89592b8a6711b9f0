"""The network's kernels in C, which `pip install` compiles where there is a compiler, and their loading."""

import ctypes
import enum
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fmi.compiled import NotUsableError, library_path, load
from inference.core.config import MissingError, ModelConfig, ModelError

LIBRARY = library_path(Path(__file__).parent, "_astromae")

Array = npt.NDArray[np.float32]


SIZES = (
    "image_size",
    "bands",
    "patch",
    "width",
    "depth",
    "heads",
    "hidden",
    "groups",
    "inception_width",
    "features",
    "magnitude_width",
    "fusion_width",
)
"""What the kernels have to know of a ModelConfig, in the order of `struct shape` of astromae.c."""


class Outcome(enum.IntEnum):
    """What became of a prediction: `enum outcome` of astromae.c."""

    DONE = 0
    NO_MEMORY = 1
    OTHER_WEIGHTS = 2


class Processor(enum.IntEnum):
    """What the kernels say of the processor that they find: `enum processor` of astromae.c."""

    TOO_OLD = 0
    MEASURED = 1
    NOT_MEASURED = 2


class Shape(ctypes.Structure):
    """The sizes of a network."""

    _fields_: ClassVar = [(name, ctypes.c_int) for name in SIZES]

    @classmethod
    def of(cls, config: ModelConfig) -> "Shape":
        """The sizes that the kernels know of."""
        return cls(*(getattr(config, name) for name in SIZES))


def built() -> bool:
    """Whether the kernels were compiled when the package was installed."""
    return LIBRARY.is_file()


def processor() -> Processor:
    """Whether this processor can run the kernels, and whether their speed on such a one is known."""
    return Processor(_library().astromae_processor())


def predict(shape: Shape, weights: Array, image: Array, magnitude: Array) -> Array:
    """Redshifts [N] of images [N, bands, S, S] and magnitudes [N, bands], on one core, without Python's lock.

    `weights` are those of `inference.engines._native_weights.pack`. Raises ValueError for arrays of other
    sizes, which the kernels would read as if they had the right ones, and MemoryError where there is no room
    to work.
    """
    image, magnitude = (np.ascontiguousarray(array, np.float32) for array in (image, magnitude))
    takes = (shape.bands, shape.image_size, shape.image_size)
    if image.shape[1:] != takes or magnitude.shape != (len(image), shape.bands):
        raise ValueError(
            f"the network takes images [N, {', '.join(map(str, takes))}] and magnitudes [N, {shape.bands}], "
            f"not {list(image.shape)} and {list(magnitude.shape)}"
        )
    redshift = np.empty(len(image), np.float32)
    outcome = _library().astromae_predict(
        ctypes.byref(shape), weights, weights.size, image, magnitude, len(image), redshift
    )
    if outcome == Outcome.NO_MEMORY:
        raise MemoryError(f"there is no memory for {len(image)} galaxies at once: use a smaller batch size")
    if outcome == Outcome.OTHER_WEIGHTS:
        raise ModelError("the kernels were compiled for other weights: pip install -e . compiles them again.")
    return redshift


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    try:
        library = load(LIBRARY, "astromae_sources")
    except NotUsableError as error:
        raise MissingError(str(error)) from error
    array = np.ctypeslib.ndpointer(np.float32, flags="C_CONTIGUOUS")
    library.astromae_predict.argtypes = [
        ctypes.POINTER(Shape),
        array,
        ctypes.c_long,
        array,
        array,
        ctypes.c_long,
        array,
    ]
    return library
