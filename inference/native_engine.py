"""AstroMAE in kernels of our own: the folded network, compiled, with one thread a core.

What a library does in passes of its own over memory (GELU, SiLU, layer norms, residuals, changes of layout)
is done here where a matrix product has just left its result. Neither torch nor onnxruntime is imported, and
a checkpoint needs no export.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from inference import kernels
from inference.config import ModelConfig, ModelError
from inference.engine import Redshifts
from inference.fold import Weights, fold
from inference.native_weights import pack

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
        self._shape = kernels.Shape.of(config)
        self._weights = pack(fold(config, weights))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="native") if threads > 1 else None

    def __call__(self, image: npt.NDArray[np.float32], magnitude: npt.NDArray[np.float64]) -> Redshifts:
        """Redshifts [N] of images [N, 5, S, S] and magnitudes [N, 5]."""
        if not len(image):
            return np.empty(0, np.float32)
        single = magnitude.astype(np.float32)
        size = min(PIECE, -(-len(image) // self.threads))
        pieces = [slice(start, start + size) for start in range(0, len(image), size)]
        run = self._pool.map if self._pool else map
        found = run(
            lambda rows: kernels.predict(self._shape, self._weights, image[rows], single[rows]), pieces
        )
        return np.concatenate(list(found))


def unfit(config: ModelConfig) -> ModelError | None:
    """Why the kernels cannot compute a network of these sizes, if they cannot."""
    if config.kernel == 1:
        return None
    return ModelError(
        f"the native engine is for convolution kernel 1, and this network's is {config.kernel}: "
        "use --engine onnx."
    )
