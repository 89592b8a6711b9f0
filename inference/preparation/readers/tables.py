"""Tables of galaxies in the formats that astronomers have: FITS, CSV, ECSV, VOTable, Parquet and HDF5."""

import gzip
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.core.errors import DataError
from inference.core.object_ids import Ids, canonical
from inference.data.columns import shown
from inference.preparation.readers.libraries import need

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.bool_]

IDS = ("object_id", "objid", "specobjid", "objectid", "id")

CSV: Mapping[str, Any] = {
    "encoding": "utf-8-sig",  # spreadsheets put a mark before the text
    "comment": "#",  # SDSS SkyServer's files begin with the line #Table1
    "fill_values": [("", "0"), ("null", "0"), ("NULL", "0")],  # masked: CasJobs writes null for unknown
}
"""How CSV tables are read."""


@dataclass(frozen=True)
class ReadTable:
    """Columns [N] or [N, k] by lower-case name, the units that the file states, and the ids [N].

    `without_id` are the rows that have none. `names` are the columns as the file spells them.
    """

    columns: Mapping[str, Array]
    units: Mapping[str, str]
    ids: Ids
    without_id: Rows
    names: Mapping[str, str]


def read_table(path: Path, id_column: str | None = None) -> ReadTable:
    """A table of at least one row; `id_column` is what it calls its ids, where that is unusual.

    Raises DataError when the file cannot be read as a table, or has no ids.
    """
    reader = _reader(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about units and headers, which do not matter here
            masked, units = reader(path, _wanted(id_column))
    except DataError:
        raise
    # Astropy and what it reads with raise all kinds of errors for damage.
    except Exception as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(f"{path}: cannot be read as a table ({first}).") from error
    columns = {name.lower(): column for name, column in masked.items()}
    if not columns or not len(next(iter(columns.values()))):
        raise DataError(f"{path}: has no rows.")
    name = next((one for one in _wanted(id_column) if one in columns), None)
    if name is None:
        wanted = " or ".join(_wanted(id_column))
        raise DataError(
            f"{path}: has no column {wanted}; it has {shown(columns)}. Say which it is with "
            "--columns object_id=NAME."
        )
    ids, without = _ids(columns[name], f"{path}: its object ids {name}")
    names = {one.lower(): one for one in masked}
    plain = {one: _plain(column) for one, column in columns.items()}
    return ReadTable(plain, {one.lower(): unit for one, unit in units.items()}, ids, without, names)


def _wanted(id_column: str | None) -> Sequence[str]:
    return IDS if id_column is None else (id_column.lower(),)


Found = tuple[Mapping[str, Any], Mapping[str, str]]
"""Columns, masked where values are missing, and units, both by name."""
Reader = Callable[[Path, Sequence[str]], Found]


def _reader(path: Path) -> Reader:
    for suffix, reader in READERS.items():
        if path.name.lower().endswith(suffix):
            return reader
    raise DataError(f"{path}: a table is a {', '.join(READERS)} file.")


def _astropy(kind: str) -> Reader:
    def reader(path: Path, _ids: Sequence[str]) -> Found:
        table = need("astropy.table", "FITS cutouts and tables").Table
        read = table.read(path, format=kind, **({"table_id": 0} if kind == "votable" else {}))
        units = {name: str(read[name].unit) for name in read.colnames if read[name].unit is not None}
        return {name: read[name] for name in read.colnames}, units

    return reader


def _csv(path: Path, ids: Sequence[str]) -> Found:
    """A CSV table; ids are read as text, because numbers above 2^63 would be rounded."""
    table = need("astropy.table", "FITS cutouts and tables").Table
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = content.decode("utf-8-sig")
    names = _csv_names(text)
    as_text = {name: [str] for name in names if name.lower() in ids}
    data = "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    header, _, rows = data.partition("\n")
    del header
    if not rows:
        return {}, {}
    options = {**CSV, "converters": as_text, "names": names}
    del options["encoding"]
    read = table.read(rows.splitlines(), format="ascii.no_header", delimiter=",", **options)
    return {name: read[name] for name in read.colnames}, {}


def _csv_names(text: str) -> list[str]:
    """The header's names; a second column of the same name gets a 1 behind it, as SkyServer does it."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    names = [name.strip().strip('"') for name in next(lines, "").split(",")]
    found: list[str] = []
    for name in names:
        repeated = any(name.lower() == one.lower() for one in found)
        found.append(f"{name}1" if repeated else name)
    return found


def _parquet(path: Path, _ids: Sequence[str]) -> Found:
    import pyarrow as pa  # noqa: PLC0415 - most tables are none
    import pyarrow.parquet as pq  # noqa: PLC0415

    read = pq.read_table(path)
    found = {}
    for name in read.column_names:
        column = read[name].combine_chunks()
        if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
            if not column.null_count and len(set(pa.compute.list_value_length(column).to_pylist())) == 1:
                found[name] = np.array(column.to_pylist())
        elif not pa.types.is_nested(column.type):
            found[name] = _of_arrow(column)
    return found, {}


def _of_arrow(column: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    mask = np.asarray(column.is_null().to_numpy(zero_copy_only=False))
    kind = str(column.type)
    filled = column.fill_null("" if "string" in kind else False if kind == "bool" else 0)
    values = filled.to_numpy(zero_copy_only=False)
    values = values.astype(np.str_) if values.dtype.kind == "O" else values
    return np.ma.masked_array(values, mask) if mask.any() else values


def _hdf5(path: Path, _ids: Sequence[str]) -> Found:
    """The datasets of the root or of the one group that has them, as RAIL's photometry/…."""
    from inference.preparation.readers.hdf5 import named_datasets  # noqa: PLC0415 - which reads tables of labels too

    h5py = need("h5py", "HDF5 files")
    with h5py.File(path, "r") as file:
        found = named_datasets(h5py, file, str(path))
        return {name: dataset[()] for name, dataset in found.items() if dataset.ndim in (1, 2)}, {}


READERS: Mapping[str, Reader] = {
    ".fits": _astropy("fits"),
    ".fit": _astropy("fits"),
    ".fits.gz": _astropy("fits"),
    ".csv": _csv,
    ".csv.gz": _csv,
    ".ecsv": _astropy("ascii.ecsv"),
    ".vot": _astropy("votable"),
    ".votable": _astropy("votable"),
    ".xml": _astropy("votable"),
    ".parquet": _parquet,
    ".pq": _parquet,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
}


def _plain(column: Any) -> Array:  # noqa: ANN401 - astropy has no types
    """The column's values; numbers that are missing are NaN, text that is missing is empty."""
    mask = np.asarray(getattr(column, "mask", False))
    values = np.asarray(column)
    if values.dtype.kind == "S":  # a FITS table's text
        values = np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind == "O":
        values = values.astype(np.str_)
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if not mask.any():
        return values
    if values.dtype.kind in "iuf":
        return np.where(mask, np.nan, values.astype(np.float64))
    return np.where(mask, "", values) if values.dtype.kind == "U" else values


def _ids(column: Any, called: str) -> tuple[Ids, Rows]:  # noqa: ANN401 - astropy has no types
    """Ids [N] as they are, and the rows that have none, whose place holds 0 or an empty text."""
    mask = np.array(np.broadcast_to(getattr(column, "mask", False), len(column)), bool)
    values = np.asarray(column)
    if values.ndim != 1:
        raise DataError(f"{called} are not one a row.")
    if values.dtype.kind == "f":
        mask |= ~np.isfinite(values)
        if (np.abs(values[~mask]) >= 2**53).any() or (values[~mask] % 1 != 0).any():
            raise DataError(
                f"{called} are {values.dtype.name}, which rounds them: write them as whole numbers."
            )
        return np.where(mask, 0, values).astype(np.int64), mask
    if values.dtype.kind in "iu":
        native = values.astype(values.dtype.newbyteorder("="))
        return canonical(np.where(mask, native.dtype.type(0), native)), mask
    texts = [_text(one) for one in values.tolist()]
    mask |= np.array([text.lower() in ("", "null", "nan", "none", "--") for text in texts])
    return _numbers_or_text(texts, mask), mask


def _text(value: object) -> str:
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value).strip()


def _numbers_or_text(texts: Sequence[str], mask: Rows) -> Ids:
    """Whole numbers where all texts are written as such, without leading zeros or signs; else the texts."""
    usable = [text for text, missing in zip(texts, mask, strict=True) if not missing]
    whole = all(text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() for text in usable)
    if whole and all(
        (str(int(text)) == text and abs(int(text)) < 2**63) or -1 < int(text) < 2**64 for text in usable
    ):
        return canonical([0 if missing else int(text) for text, missing in zip(texts, mask, strict=True)])
    return np.array(["" if missing else text for text, missing in zip(texts, mask, strict=True)], np.str_)
