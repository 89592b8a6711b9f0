"""HDF5 files come in blocks, and do not reach into other files."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.preparation.sources import open_sources
from tests.inference.preparation.support.formats import make_hdf5, read, together


def test_large_hdf5_files_come_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.preparation.hdf5.ROWS", 5)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = np.zeros((12, 5, 32, 32), np.float32)
        file["magnitude"] = np.arange(60.0).reshape(12, 5)
    blocks = list(open_sources([tmp_path / "a.h5"], None).blocks())
    assert [len(block) for block in blocks] == [5, 5, 2]
    whole = together(blocks).galaxies
    assert np.array_equal(whole.magnitude, np.arange(60.0).reshape(12, 5))
    assert len(set(whole.object_id.tolist())) == 12


def test_hdf5_does_not_reach_into_other_files(galaxies: Galaxies, tmp_path: Path) -> None:
    make_hdf5(tmp_path, galaxies)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["image"] = h5py.ExternalLink("a.h5", "/IMAGE")
        file["magnitude"] = galaxies.magnitude
    with pytest.raises(DataError, match=r"b\.h5: its image lies in another file"):
        read([tmp_path / "b.h5"])
    with h5py.File(tmp_path / "b.h5", "a") as file:
        del file["image"]
        file["elsewhere"] = h5py.ExternalLink("a.h5", "/")
        file["image"] = h5py.SoftLink("/elsewhere/IMAGE")
    with pytest.raises(DataError, match=r"b\.h5: its image lies in another file"):
        read([tmp_path / "b.h5"])
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file.create_group("image")
    with pytest.raises(DataError, match=r"c\.h5: its image is a group"):
        read([tmp_path / "c.h5"])
