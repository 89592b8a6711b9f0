"""AstroMAE in kernels of our own: the folded network, compiled, with one thread a core.

What a library does in passes of its own over memory (GELU, SiLU, layer norms, residuals, changes of layout)
is done here where a matrix product has just left its result. Neither torch nor onnxruntime is imported, and
a checkpoint needs no export.
"""

from functools import partial

import numpy as np
import numpy.typing as npt

from inference.core.config import ModelConfig, ModelError
from inference.engines import kernels
from inference.engines._native_weights import pack
from inference.engines.base import Redshifts
from inference.engines.workers import Workers
from inference.network.folding import Weights, fold

PIECE = 128
"""Galaxies that a worker takes at a time, at most: the large dense layers are read once for each piece."""


class NativeEngine:
    """A network whose PCM has 1x1 convolutions, on `threads` processor cores, in single precision."""

    name = "native"
    device = "cpu"
    precision = "fp32"

    def __init__(self, config: ModelConfig, weights: Weights, threads: int) -> None:
        self.threads = threads
        self.image_shape = (config.bands, config.image_size, config.image_size)
        shape, packed = kernels.Shape.of(config), pack(fold(config, weights))
        self._workers = Workers(partial(kernels.predict, shape, packed), threads, PIECE)

    def __call__(self, image: npt.NDArray[np.float32], magnitude: npt.NDArray[np.float64]) -> Redshifts:
        """Redshifts [N] of images [N, 5, S, S] and magnitudes [N, 5]."""
        return self._workers(image, magnitude)


def unfit(config: ModelConfig) -> ModelError | None:
    """Why the kernels cannot compute a network of these sizes, if they cannot."""
    if config.kernel == 1:
        return None
    return ModelError(
        f"the native engine is for convolution kernel 1, and this network's is {config.kernel}: "
        "use --engine onnx."
    )
