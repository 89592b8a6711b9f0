"""What a model was trained on: the range of its magnitudes and pixels, by band.

It is in the checkpoint's metadata, where training puts it, or for a checkpoint from before in a file beside
it, `<name>.range.json`, which `inference.training.note_range` writes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.config import ModelError
from inference.core.galaxies import Galaxies

Floats = npt.NDArray[np.floating[Any]]

KEY = "training_range"
SUFFIX = ".range.json"
MARGIN = 0.1
"""A galaxy is outside when it is beyond the range by more than this part of the range's width.

Of another 4,096 galaxies of a survey of 16,384, a few lie beyond its extremes by chance, none so far.
"""

NAMES = ("magnitude_least", "magnitude_most", "pixel_least", "pixel_most")


@dataclass(frozen=True)
class TrainingRange:
    """Smallest and largest magnitudes and pixels [5] of the training part, by band."""

    magnitude_least: Floats
    magnitude_most: Floats
    pixel_least: Floats
    pixel_most: Floats

    @classmethod
    def of(cls, galaxies: Galaxies) -> "TrainingRange":
        """Measure a training part of at least one galaxy."""
        pixels = galaxies.image.reshape(*galaxies.image.shape[:2], -1)
        return cls(
            galaxies.magnitude.min(axis=0),
            galaxies.magnitude.max(axis=0),
            pixels.min(axis=(0, 2)),
            pixels.max(axis=(0, 2)),
        )

    def together(self, other: "TrainingRange") -> "TrainingRange":
        """The range of both training parts."""
        return TrainingRange(
            np.minimum(self.magnitude_least, other.magnitude_least),
            np.maximum(self.magnitude_most, other.magnitude_most),
            np.minimum(self.pixel_least, other.pixel_least),
            np.maximum(self.pixel_most, other.pixel_most),
        )

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> "TrainingRange":
        """What `as_dict` gave. Raises ValueError, TypeError or KeyError for anything else."""
        made = cls(*(np.array(found[name], float) for name in NAMES))
        numbers = [getattr(made, name) for name in NAMES]
        if any(one.shape != (5,) or not np.isfinite(one).all() for one in numbers):
            raise ValueError("a range is five numbers, one a band")
        return made

    def as_dict(self) -> dict[str, list[float]]:
        """Plain numbers."""
        return {name: getattr(self, name).tolist() for name in NAMES}

    def magnitudes_outside(self, magnitude: Floats) -> npt.NDArray[np.bool_]:
        """Galaxies [N] with a magnitude [N, 5] outside the range and its margin."""
        return _outside(magnitude, magnitude, self.magnitude_least, self.magnitude_most)

    def pixels_outside(self, least: Floats, most: Floats) -> npt.NDArray[np.bool_]:
        """Galaxies [N] whose smallest or largest pixel [N, 5] is outside the range and its margin."""
        return _outside(least, most, self.pixel_least, self.pixel_most)


def _outside(least: Floats, most: Floats, lower: Floats, upper: Floats) -> npt.NDArray[np.bool_]:
    margin = MARGIN * (upper - lower)
    return np.asarray(((least < lower - margin) | (most > upper + margin)).any(axis=1))


def range_path(model: Path) -> Path:
    """Where the range of a model lies whose own file does not have it."""
    return model.with_name(model.stem + SUFFIX)


def of_model(model: Path) -> TrainingRange | None:
    """The range of the model in this file; None where nothing says it.

    Raises ModelError when what says it is damaged.
    """
    beside = range_path(model)
    stamps = tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in (model, beside))
    return _of_model(model, beside, stamps)


@lru_cache(maxsize=4)
def _of_model(model: Path, beside: Path, stamps: tuple[int, int]) -> TrainingRange | None:
    try:
        found = _in_checkpoint(model)
        if found is None and stamps[1]:
            found = json.loads(beside.read_text())
        return None if found is None else TrainingRange.from_dict(found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{model}: the range that it was trained on cannot be read ({error}).") from error


def _in_checkpoint(model: Path) -> Mapping[str, Any] | None:
    """What the metadata of a safetensors file, or of the one that an exported model was made of, say."""
    checkpoint = model.with_suffix(".safetensors")
    if not checkpoint.is_file():
        return None
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - other models do without

    try:
        with safe_open(checkpoint, framework="numpy") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError):  # for the engine to refuse
        return None
    found: Mapping[str, Any] | None = json.loads(metadata.get("training", "{}")).get(KEY)
    return found
