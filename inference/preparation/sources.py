"""Which reader a path gets: .pt, .safetensors, .npz, .h5, folders of them, FITS cutouts with a table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from cosmic_fmi.common.natural_order import natural_key
from inference.core.errors import DataError
from inference.data.partitions import ROW_BITS
from inference.preparation.arrays import NpzFile, PartitionFile
from inference.preparation.blocks import Block, Source
from inference.preparation.fits import FitsCutouts
from inference.preparation.hdf5 import Hdf5File

ARRAYS: Mapping[str, Callable[[Path], Source]] = {
    ".pt": PartitionFile,
    ".safetensors": PartitionFile,
    ".npz": NpzFile,
    ".h5": Hdf5File,
    ".hdf5": Hdf5File,
}
FITS = (".fits", ".fit", ".fits.gz")


class Together:
    """Several sources, one after the other."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self.name = ", ".join(source.name for source in sources[:3]) + (" …" if len(sources) > 3 else "")

    def blocks(self) -> Iterator[Block]:
        """All blocks of all sources. Raises DataError when two give their galaxies the same made-up ids."""
        owners: dict[int, Source] = {}
        for source in self.sources:
            for block in source.blocks():
                if block.numbered and len(block):
                    number = int(block.galaxies.object_id[0]) >> ROW_BITS
                    owner = owners.setdefault(number, source)
                    if owner is not source:
                        raise DataError(
                            f"{source.name}: has no object ids, and those that its name gives are "
                            f"{owner.name}'s already; rename one of the two files."
                        )
                yield block


def open_sources(paths: Sequence[Path], table: Path | None) -> Source:
    """The source that the paths are: files, folders of such files, or with `table` folders of FITS cutouts.

    Raises DataError when there is nothing of a known kind.
    """
    if table is not None:
        if len(paths) != 1 or not paths[0].is_dir():
            raise DataError("FITS cutouts and a table are given as one folder and the table's file.")
        return FitsCutouts(paths[0], table)
    return Together([ARRAYS[file.suffix](file) for path in paths for file in _files(path)])


def _files(path: Path) -> Sequence[Path]:
    if path.is_dir():
        files = sorted(
            (file for file in path.iterdir() if file.suffix in ARRAYS),
            key=lambda file: natural_key(file.name),
        )
        if files:
            return files
        if any(file.name.endswith(FITS) for file in path.iterdir()):
            raise DataError(
                f"{path}: holds FITS files, which need a table of magnitudes and redshifts: give it."
            )
        raise DataError(f"{path}: holds no {', '.join(ARRAYS)} files.")
    if path.suffix not in ARRAYS:
        raise DataError(f"{path}: is neither a folder nor a {', '.join(ARRAYS)} file.")
    return [path]
