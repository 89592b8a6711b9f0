"""Every format gives the same galaxies, and bad files are refused by name or counted by reason."""

import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from astropy.io import fits
from astropy.table import Table
from torch.utils.data import TensorDataset

from inference.data_error import DataError
from inference.galaxies import Galaxies
from inference.partitions import write
from inference.preparation.blocks import Block, Reason
from inference.preparation.sources import open_sources

COUNT = 12


@pytest.fixture(scope="module")
def galaxies(survey: Galaxies) -> Galaxies:
    part = survey[:COUNT]
    return Galaxies(part.image, part.magnitude, part.redshift, part.object_id + 1_237_000_000_000_000_000)


def padded(galaxies: Galaxies) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The images as the centre of 64 x 64 ones."""
    image = np.full((COUNT, 5, 64, 64), 7.0, np.float32)
    image[:, :, 16:48, 16:48] = galaxies.image
    return image


def columns(galaxies: Galaxies) -> dict[str, Any]:
    return {
        "image": padded(galaxies),
        "magnitude": galaxies.magnitude,
        "redshift": galaxies.redshift,
        "object_id": galaxies.object_id,
    }


def make_pt(folder: Path, galaxies: Galaxies) -> list[Path]:
    torch.save(TensorDataset(*map(torch.from_numpy, columns(galaxies).values())), folder / "a.pt")
    return [folder / "a.pt"]


def make_safetensors(folder: Path, galaxies: Galaxies) -> list[Path]:
    write(folder / "a.safetensors", galaxies)
    return [folder / "a.safetensors"]


def make_npz(folder: Path, galaxies: Galaxies) -> list[Path]:
    np.savez_compressed(folder / "a.npz", **columns(galaxies), other=np.zeros(3))
    return [folder / "a.npz"]


def make_hdf5(folder: Path, galaxies: Galaxies) -> list[Path]:
    with h5py.File(folder / "a.h5", "w") as file:
        for name, array in columns(galaxies).items():
            file.create_dataset(name.upper(), data=array, compression="gzip")
    return [folder / "a.h5"]


def make_folder(folder: Path, galaxies: Galaxies) -> list[Path]:
    for number, rows in ((2, slice(5, 9)), (1, slice(0, 5)), (10, slice(9, COUNT))):
        write(folder / f"{number}.pt", galaxies[rows])
    return [folder]


def make_fits(folder: Path, galaxies: Galaxies, kind: str = "cube") -> list[Path]:
    cutouts = folder / "cutouts"
    cutouts.mkdir()
    image = padded(galaxies)
    for row, number in enumerate(galaxies.object_id):
        save_cutout(cutouts / f"{number}.fits", image[row], kind)
    table(folder / "table.fits", galaxies)
    return [cutouts, folder / "table.fits"]


def make_fits_images(folder: Path, galaxies: Galaxies) -> list[Path]:
    return make_fits(folder, galaxies, "images")


def make_fits_named(folder: Path, galaxies: Galaxies) -> list[Path]:
    return make_fits(folder, galaxies, "named")


def save_cutout(path: Path, image: Any, kind: str) -> None:  # noqa: ANN401
    units: list[Any] = [fits.PrimaryHDU(image if kind == "cube" else None)]
    if kind != "cube":
        bands = list(zip("ugriz", image, strict=True))
        for band, pixels in reversed(bands) if kind == "named" else bands:
            units.append(fits.ImageHDU(pixels, name=band.upper() if kind == "named" else ""))
    fits.HDUList(units).writeto(path)


def table(path: Path, galaxies: Galaxies, **extra: Any) -> None:  # noqa: ANN401
    bands = {f"modelMag_{band}": galaxies.magnitude[:, column] for column, band in enumerate("ugriz")}
    Table({"objID": galaxies.object_id, **bands, "z": galaxies.redshift, **extra}).write(path)


MAKERS = [
    *(make_pt, make_safetensors, make_npz, make_hdf5, make_folder),
    *(make_fits, make_fits_images, make_fits_named),
]


def read(paths: list[Path]) -> Block:
    """Everything that the source has, twice, and the same both times."""
    source = open_sources(paths[:1], paths[1] if len(paths) > 1 else None)
    found = [together(list(source.blocks())) for _ in range(2)]
    assert np.array_equal(found[0].galaxies.image, found[1].galaxies.image)
    return found[0]


def together(blocks: list[Block]) -> Block:
    return Block(
        Galaxies.concatenate([one.galaxies for one in blocks]), np.concatenate([one.reason for one in blocks])
    )


@pytest.mark.parametrize("make", MAKERS)
def test_every_format_gives_the_same_galaxies(
    galaxies: Galaxies, tmp_path: Path, make: Callable[[Path, Galaxies], list[Path]]
) -> None:
    block = read(make(tmp_path, galaxies))
    for field in ("image", "magnitude", "redshift", "object_id"):
        assert np.array_equal(getattr(block.galaxies, field), getattr(galaxies, field)), field
    assert not block.reason.any()


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


def test_images_of_a_wrong_shape_are_a_reason(tmp_path: Path) -> None:
    for name, shape in (("a", (3, 5, 31, 31)), ("b", (3, 4, 32, 32)), ("c", (3, 32, 32))):
        np.savez(tmp_path / f"{name}.npz", image=np.zeros(shape), magnitude=np.ones((3, 5)))
        block = read([tmp_path / f"{name}.npz"])
        assert block.reason.tolist() == [Reason.SHAPE] * 3


def test_bad_cutouts_are_counted_and_the_others_read(galaxies: Galaxies, tmp_path: Path) -> None:
    cutouts, table_file = make_fits(tmp_path, galaxies)
    files = [cutouts / f"{number}.fits" for number in galaxies.object_id]
    files[0].unlink()
    files[1].write_bytes(b"no FITS")
    files[2].write_bytes(files[2].read_bytes()[:5000])
    fits.PrimaryHDU(np.zeros((5, 31, 40))).writeto(files[3], overwrite=True)
    fits.PrimaryHDU(np.zeros((4, 64, 64))).writeto(files[4], overwrite=True)
    fits.PrimaryHDU().writeto(files[5], overwrite=True)
    block = read([cutouts, table_file])
    unreadable, shape = Reason.UNREADABLE, Reason.SHAPE
    assert block.reason.tolist()[:6] == [unreadable, unreadable, unreadable, shape, shape, unreadable]
    assert not block.reason[6:].any()
    assert np.array_equal(block.galaxies.image[6:], galaxies.image[6:])


def test_a_csv_table_with_plain_bands_and_file_names(galaxies: Galaxies, tmp_path: Path) -> None:
    cutouts = tmp_path / "c"
    cutouts.mkdir()
    for row in range(COUNT):
        save_cutout(cutouts / f"g{row}.fits", galaxies.image[row], "cube")
    bands = {band: galaxies.magnitude[:, column] for column, band in enumerate("ugriz")}
    names = [f"g{row}.fits" for row in range(COUNT)]
    Table({"id": galaxies.object_id, **bands, "file": names}).write(tmp_path / "t.csv")
    block = read([cutouts, tmp_path / "t.csv"])
    assert np.array_equal(block.galaxies.magnitude, galaxies.magnitude)
    assert np.isnan(block.galaxies.redshift).all()  # z is the band here
    assert np.array_equal(block.galaxies.image, galaxies.image)


def test_masked_magnitudes_are_missing(galaxies: Galaxies, tmp_path: Path) -> None:
    cutouts, _ = make_fits(tmp_path, galaxies)
    lines = ["objid,mag_u,mag_g,mag_r,mag_i,mag_z,redshift"]
    lines += [f"{number},,1,2,3,4,0.1" for number in galaxies.object_id]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    assert np.isnan(read([cutouts, tmp_path / "t.csv"]).galaxies.magnitude[:, 0]).all()
    lines[1] = f"{galaxies.object_id[0]},18,1,2,3,4,"
    (tmp_path / "t.csv").write_text("\n".join(lines))
    block = read([cutouts, tmp_path / "t.csv"])
    assert np.isnan(block.galaxies.magnitude[1:, 0]).all()
    assert np.isnan(block.galaxies.redshift[0])


# What is refused.


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


def test_tables_that_cannot_be_used(galaxies: Galaxies, tmp_path: Path) -> None:
    cutouts, _ = make_fits(tmp_path, galaxies)
    for name, content, says in (
        ("t.csv", "", "cannot be read as a table|has no rows"),
        ("t.csv", "objid,u,g,r,i,z\n", "has no rows"),
        ("t.csv", "u,g,r,i,z\n1,2,3,4,5\n", "has no column object_id or"),
        ("t.csv", "objid,u,g,r,i\n1,2,3,4,5\n", "has no magnitudes"),
        ("t.csv", "objid,u,g,r,i,z\nx,2,3,4,5,6\n", "object ids are not 1 whole"),
        ("t.csv", "objid,u,g,r,i,z\n1,a,3,4,5,6\n", "its magnitudes are <U"),
        ("t.csv", "objid,u,g,r,i,z,file\n1,2,3,4,5,6,../../etc/x\n", "is not in"),
        ("t.fits", "no FITS", "cannot be read as a table"),
        ("t.txt", "", r"a table is a \.fits, \.fit, \.csv file"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError, match=says) as caught:
            read([cutouts, tmp_path / name])
        assert name in str(caught.value)


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
    with pytest.raises(DataError, match=rf"read with {library}, which is missing: pip install '\.\[data\]'"):
        read([tmp_path / path] if library == "h5py" else [tmp_path, tmp_path / path])


def test_names_of_cutouts_may_come_from_a_fits_table(galaxies: Galaxies, tmp_path: Path) -> None:
    folder, table = make_fits(tmp_path, galaxies)
    named = Table.read(table)
    named["file"] = [f"{number}.fits" for number in galaxies.object_id]
    named.write(tmp_path / "named.fits")
    (block,) = open_sources([folder], tmp_path / "named.fits").blocks()
    assert (block.reason == Reason.NONE).all()


def test_a_table_as_spreadsheets_write_it(galaxies: Galaxies, tmp_path: Path) -> None:
    folder, table = make_fits(tmp_path, galaxies)
    Table.read(table).write(tmp_path / "plain.csv")
    text = (tmp_path / "plain.csv").read_text().replace("\n", "\r\n")
    (tmp_path / "sheet.csv").write_bytes(text.encode("utf-8-sig"))
    (block,) = open_sources([folder], tmp_path / "sheet.csv").blocks()
    assert (block.reason == Reason.NONE).all()


def test_a_cutout_of_five_cubes_has_the_wrong_shape(galaxies: Galaxies, tmp_path: Path) -> None:
    folder, table = make_fits(tmp_path, galaxies)
    cubes = [fits.ImageHDU(np.zeros((2, 64, 64), np.float32)) for _ in range(5)]
    fits.HDUList([fits.PrimaryHDU(), *cubes]).writeto(
        folder / f"{galaxies.object_id[0]}.fits", overwrite=True
    )
    (block,) = open_sources([folder], table).blocks()
    assert block.reason[0] == Reason.SHAPE
    assert (block.reason[1:] == Reason.NONE).all()


def test_two_files_that_number_their_galaxies_alike_are_refused(galaxies: Galaxies, tmp_path: Path) -> None:
    image, magnitude, redshift, _ = map(torch.from_numpy, columns(galaxies).values())
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        torch.save(TensorDataset(image, magnitude, redshift), tmp_path / name / "1.pt")
    source = open_sources([tmp_path / "a", tmp_path / "b"], None)
    with pytest.raises(DataError, match=r"b/1\.pt: has no object ids.*a/1\.pt's already; rename"):
        list(source.blocks())


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
