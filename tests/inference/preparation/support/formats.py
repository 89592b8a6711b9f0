"""The same few galaxies in every format that is read, and what a source says of them."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from astropy.io import fits
from astropy.table import Table
from torch.utils.data import TensorDataset

from inference.core.galaxies import Galaxies
from inference.data.partitions import write
from inference.preparation.blocks import Block
from inference.preparation.sources import open_sources

COUNT = 12


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
