"""The whole preparation as data: which files it makes, and what it has to say about them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.data.partitions import encode
from inference.preparation.blocks import Reason, Source
from inference.preparation.cut import normalised, pieces, repeated, rows_of
from inference.preparation.scale import FEWEST, MagnitudeScale
from inference.preparation.survey import PARTS, Survey, examine, ignore, split

SUMMARY = "summary.json"
DROPPED = "dropped.csv"
SCALE = "normalisation.json"


@dataclass(frozen=True)
class Options:
    """What to make.

    `sizes` are the names of the partitions' folders and their bytes; `shares` those of the parts train,
    validation and test, or None for no split; `repeat_to` the bytes to which copies fill each folder.
    `normalise` writes magnitudes normalised by `scale`, or where that is None by the training part's own.
    """

    sizes: Sequence[tuple[str, int]]
    suffix: str = ".pt"
    shares: Sequence[float] | None = (70, 15, 15)
    seed: int = 0
    normalise: bool = False
    scale: MagnitudeScale | None = None
    repeat_to: int | None = None
    drop_outliers: bool = True


@dataclass(frozen=True)
class Folder:
    """The partitions of one size of one part: `rows` of the survey, `count` galaxies with all copies."""

    name: str
    rows: npt.NDArray[np.bool_]
    count: int
    per_file: int

    @property
    def files(self) -> int:
        """How many partitions that makes."""
        return -(-self.count // self.per_file)


@dataclass(frozen=True)
class File:
    """A file to write; the name is relative to the output and has forward slashes."""

    name: str
    content: bytes


class Preparation:
    """A source, examined; its files are made when they are asked for, one at a time.

    `report` gets the number of objects that have been read so far. Raises DataError when the source cannot be
    used or nothing of it is left.
    """

    def __init__(self, source: Source, options: Options, report: Callable[[int], None] = ignore) -> None:
        self.options = options
        self.survey = examine(source, drop_outliers=options.drop_outliers, report=report)
        kept = self.survey.kept
        if not kept.any():
            raise DataError(
                f"{source.name}: nothing is left of {len(kept)} objects: {_reasons(self.survey)}."
            )
        self.scale: MagnitudeScale | None = None
        parts = {"": kept}
        if options.shares is not None:
            part = split(kept, options.shares, options.seed)
            parts = {name: part == number for number, name in enumerate(PARTS)}
            training = self.survey.magnitude[parts["train"]]
            # Written beside the data where there is one, but only normalising cannot do without.
            if options.scale or options.normalise or len(training) >= FEWEST:
                self.scale = options.scale or MagnitudeScale.of(training)
        self.folders = [
            _folder(part, rows, name, size, options.repeat_to)
            for part, rows in parts.items()
            for name, size in options.sizes
            if rows.any()
        ]

    @property
    def count(self) -> int:
        """How many partitions there will be."""
        return sum(folder.files for folder in self.folders)

    @property
    def expected(self) -> dict[str, int]:
        """How many partitions each folder holds in the end; none where the split leaves a part empty."""
        parts = ("",) if self.options.shares is None else PARTS
        none = {_name(part, size): 0 for part in parts for size, _ in self.options.sizes}
        return none | {folder.name: folder.files for folder in self.folders}

    def partitions(self) -> Iterator[File]:
        """Every partition, in the order of the folders and of their numbers."""
        for folder in self.folders:
            for number, piece in enumerate(pieces(self._galaxies(folder), folder.per_file), 1):
                name = f"{folder.name}/{number}{self.options.suffix}"
                yield File(name, encode(piece, self.options.suffix))

    def _galaxies(self, folder: Folder) -> Iterator[Galaxies]:
        galaxies = self.survey.galaxies(folder.rows)
        if self.options.repeat_to is not None:
            galaxies = repeated(lambda: self.survey.galaxies(folder.rows), folder.count)
        scale = self.options.scale or self.scale
        if not self.options.normalise or scale is None:
            return galaxies
        return normalised(galaxies, scale)

    def reports(self) -> Iterator[File]:
        """The files beside the folders: the summary, the dropped objects, and the scale of magnitudes."""
        yield File(SUMMARY, _json(self.summary()))
        yield File(DROPPED, _dropped(self.survey).encode())
        if self.scale is not None:
            yield File(SCALE, _json(self.scale.as_dict()))

    def summary(self) -> dict[str, object]:
        """What was read, kept and dropped, by which rule, and what the folders hold; plain JSON values."""
        options, kept = self.options, self.survey.kept
        return {
            "source": self.survey.source.name,
            "read": len(kept),
            "kept": int(kept.sum()),
            "dropped": self.survey.dropped(),
            "outlier_fences": self.survey.fences,
            "split": None if options.shares is None else dict(zip(PARTS, options.shares, strict=True)),
            "seed": options.seed,
            "magnitudes": "normalised" if options.normalise else "as read",
            "folders": {
                folder.name: {
                    "galaxies": folder.count,
                    "different_galaxies": min(folder.count, int(folder.rows.sum())),
                    "files": folder.files,
                    "galaxies_per_file": folder.per_file,
                }
                for folder in self.folders
            },
        }


def _folder(part: str, rows: npt.NDArray[np.bool_], name: str, size: int, repeat_to: int | None) -> Folder:
    count = int(rows.sum()) if repeat_to is None else rows_of(repeat_to)
    return Folder(_name(part, name), rows, count, rows_of(size))


def _name(part: str, size: str) -> str:
    return f"{part}/{size}" if part else size


def _reasons(survey: Survey) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in survey.dropped().items() if count)


def _dropped(survey: Survey) -> str:
    """The dropped objects as CSV: their row in the source from 0, their id, and why."""
    lines = ["row,object_id,reason"]
    for row in np.flatnonzero(~survey.kept):
        lines.append(f"{row},{survey.object_id[row]},{Reason(int(survey.reason[row])).text}")
    return "\n".join(lines) + "\n"


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
