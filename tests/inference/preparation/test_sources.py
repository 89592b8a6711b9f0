"""Every format gives the same galaxies, and bad files are refused by name, whatever the format."""

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from inference.core.errors import DataError
from inference.core.galaxies import Galaxies
from inference.preparation.sources import open_sources
from tests.inference.preparation.support.formats import (
    columns,
    make_fits,
    make_fits_images,
    make_fits_named,
    make_folder,
    make_hdf5,
    make_npz,
    make_pt,
    make_safetensors,
    read,
)

MAKERS = [
    *(make_pt, make_safetensors, make_npz, make_hdf5, make_folder),
    *(make_fits, make_fits_images, make_fits_named),
]


@pytest.mark.parametrize("make", MAKERS)
def test_every_format_gives_the_same_galaxies(
    galaxies: Galaxies, tmp_path: Path, make: Callable[[Path, Galaxies], list[Path]]
) -> None:
    block = read(make(tmp_path, galaxies))
    for field in ("image", "magnitude", "redshift", "object_id"):
        assert np.array_equal(getattr(block.galaxies, field), getattr(galaxies, field)), field
    assert not block.reason.any()


def broken(folder: Path, name: str, content: bytes) -> list[Path]:
    (folder / name).write_bytes(content)
    return [folder / name]


@pytest.mark.parametrize("suffix", ["pt", "safetensors", "npz", "h5"])
@pytest.mark.parametrize(
    "content", [b"", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04" + b"x" * 300, b"\x80\x04K\x01."]
)
def test_damaged_files_are_named(tmp_path: Path, suffix: str, content: bytes) -> None:
    with pytest.raises(DataError, match=rf"a\.{suffix}: ") as caught:
        read(broken(tmp_path, f"a.{suffix}", content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [make_pt, make_safetensors, make_npz, make_hdf5])
def test_truncated_files_are_named(
    galaxies: Galaxies, tmp_path: Path, make: Callable[[Path, Galaxies], list[Path]]
) -> None:
    (path,) = make(tmp_path, galaxies)
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataError, match=path.name):
            read([path])


class Malicious:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:  # noqa: ANN401
        return Path.touch, (self.path,)


def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "owned"
    objects = np.array([Malicious(marker)], object)
    np.savez(tmp_path / "a.npz", image=objects, magnitude=objects)
    torch.save([Malicious(marker)], tmp_path / "a.pt")
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Malicious(marker)))
    for name in ("a.npz", "a.pt", "b.npz"):
        with pytest.raises(DataError, match=name):
            read([tmp_path / name])
    assert not marker.exists()


def test_paths_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "fits").mkdir()
    (tmp_path / "fits" / "1.fits").touch()
    for path, says in (
        (tmp_path / "a.txt", "neither a folder nor"),
        (tmp_path / "empty", "holds no"),
        (tmp_path / "fits", "which need a table"),
        (tmp_path / "nowhere.pt", "cannot be read"),
        (tmp_path / "nowhere.npz", "cannot be read"),
    ):
        with pytest.raises(DataError, match=says):
            read([path])
    with pytest.raises(DataError, match="one folder and the table"):
        open_sources([tmp_path / "a.txt"], tmp_path / "t.csv")


@pytest.mark.parametrize(("library", "path"), [("h5py", "a.h5"), ("astropy", "t.fits")])
def test_a_missing_library_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, path: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    (tmp_path / path).touch()
    with pytest.raises(DataError, match=rf"with {library}, which is missing: .*-e '\.\[data\]'"):
        read([tmp_path / path] if library == "h5py" else [tmp_path, tmp_path / path])


def test_two_files_that_number_their_galaxies_alike_are_refused(galaxies: Galaxies, tmp_path: Path) -> None:
    image, magnitude, redshift, _ = map(torch.from_numpy, columns(galaxies).values())
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        torch.save(TensorDataset(image, magnitude, redshift), tmp_path / name / "1.pt")
    source = open_sources([tmp_path / "a", tmp_path / "b"], None)
    with pytest.raises(DataError, match=r"b/1\.pt: has no object ids.*a/1\.pt's already; rename"):
        list(source.blocks())
