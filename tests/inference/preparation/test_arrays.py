"""NumPy archives: arrays that do not belong together, or are none, are refused."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.preparation.blocks import Reason
from inference.preparation.sources import open_sources
from tests.inference.preparation.support.formats import make_npz, read


def test_images_of_a_wrong_shape_are_a_reason(tmp_path: Path) -> None:
    for name, shape in (("a", (3, 5, 31, 31)), ("b", (3, 4, 32, 32)), ("c", (3, 32, 32))):
        np.savez(tmp_path / f"{name}.npz", image=np.zeros(shape), magnitude=np.ones((3, 5)))
        block = read([tmp_path / f"{name}.npz"])
        assert block.reason.tolist() == [Reason.SHAPE] * 3


def test_arrays_that_do_not_belong_together(tmp_path: Path) -> None:
    image, magnitude = np.zeros((3, 5, 32, 32)), np.ones((3, 5))
    for arrays, says in (
        ({"image": image, "magnitude": magnitude[:2]}, "3 images need magnitudes"),
        ({"image": image, "magnitude": magnitude, "redshift": np.ones(4)}, "3 images need"),
        ({"image": image, "magnitude": magnitude.astype(str)}, "its magnitude is an array of <U"),
        ({"image": image, "magnitude": magnitude, "id": np.ones(3)}, "object ids are not 3 whole numbers"),
        ({"image": image, "magnitude": magnitude, "id": np.array(["a", "b", "c"])}, "object ids are not"),
        ({"image": image, "magnitude": magnitude, "id": np.full(3, 2**63, np.uint64)}, "of 64 bits"),
        ({"magnitude": magnitude}, "has no image"),
    ):
        np.savez(tmp_path / "a.npz", **arrays)
        with pytest.raises(DataError, match=rf"a\.npz: .*{says}"):
            read([tmp_path / "a.npz"])


def test_a_lone_array_is_no_npz_file(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match=r"a\.npz: is not an \.npz file"):
        read([tmp_path / "a.npz"])


def test_a_header_that_claims_more_numbers_than_memory_holds(tmp_path: Path) -> None:
    header = np.lib.format.magic(1, 0) + (118).to_bytes(2, "little")
    header += b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000000, 5)}".ljust(117) + b"\n"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        for name in ("image", "magnitude"):
            file.writestr(f"{name}.npy", header + bytes(80))
    with pytest.raises(DataError, match=r"a\.npz: is damaged or holds more than arrays"):
        read([tmp_path / "a.npz"])


@pytest.mark.parametrize(("at", "value"), [(10, 99), (8, 1)], ids=["compression", "encryption"])
def test_an_archive_that_cannot_be_unpacked_is_refused(
    galaxies: Galaxies, tmp_path: Path, at: int, value: int
) -> None:
    (path,) = make_npz(tmp_path, galaxies)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + at] = value
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npz: is damaged"):
        list(open_sources([path], None).blocks())
