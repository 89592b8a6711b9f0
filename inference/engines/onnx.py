"""AstroMAE through onnxruntime: several workers of one thread each share one copy of the weights.

A worker's matrix products then wait for nobody, and a piece of a batch fits into the processor's caches.
torch is not imported.
"""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.checkpoints.exported import WEIGHTS_FINGERPRINT_KEY, WEIGHTS_KEY, fingerprint
from inference.core.config import ModelError
from inference.engines.base import Redshifts
from inference.engines.workers import Numbers, Workers

# Unless told before it is imported, onnxruntime writes a device's id and reports its use to its maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

PIECE = 32
"""Galaxies that a worker takes at a time, at most: more fall out of the second-level cache (measured)."""


class OnnxEngine:
    """An exported network (`inference.checkpoints.export`) on `threads` cores, in single precision."""

    name = "onnx"
    device = "cpu"
    precision = "fp32"

    def __init__(self, path: Path, threads: int) -> None:
        self.threads = threads
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Planning memory for a whole run holds more of it than taking what is needed when it is needed.
        options.enable_mem_pattern = False
        try:
            self._session = onnxruntime.InferenceSession(
                os.fspath(path), options, providers=["CPUExecutionProvider"]
            )
        # onnxruntime's exceptions have no base class of their own but this one.
        except Exception as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise ModelError(f"{path}: onnxruntime cannot use this model ({reason}).") from error
        self._takes = {value.name: value.shape for value in self._session.get_inputs()}
        if sorted(self._takes) != ["image", "magnitude"]:
            raise ModelError(f"{path}: is not a model that `cosmic-fmi export` wrote.")
        self._check_weights(path)
        self._workers = Workers(partial(_run, self._session), threads, PIECE)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Bands and pixels of the images that the network takes."""
        return tuple(self._takes["image"][1:])

    @property
    def metadata(self) -> Mapping[str, str]:
        """What `inference.checkpoints.export` wrote into the file."""
        found: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        return found

    def _check_weights(self, path: Path) -> None:
        """Raise ModelError where the second file is of another model with weights of these shapes."""
        name, noted = (self.metadata.get(key) for key in (WEIGHTS_KEY, WEIGHTS_FINGERPRINT_KEY))
        if name and fingerprint(weights := path.with_name(name)) != noted:
            raise ModelError(f"{weights}: is of another model than {path}: copy or export both anew.")

    def __call__(self, image: npt.NDArray[np.float32], magnitude: npt.NDArray[np.float64]) -> Redshifts:
        """Redshifts [N] of images [N, 5, S, S] and magnitudes [N, 5]."""
        return self._workers(image, magnitude)


def _run(session: onnxruntime.InferenceSession, image: Numbers, magnitude: Numbers) -> Redshifts:
    redshift: Redshifts = session.run(None, {"image": np.ascontiguousarray(image), "magnitude": magnitude})[0]
    return redshift
