"""The files of an experiment's output folder; rewritten after every run, so that nothing is ever lost."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cosmic_fmi.common.contract.reading import read_table
from cosmic_fmi.common.files import OutputError, make_writable, set_aside, write_atomically
from cosmic_fmi.common.foreign_text import cell
from cosmic_fmi.experiment.errors import ResultsError
from cosmic_fmi.experiment.results.record import PREDICTION_SCHEMA, RunRecord, fit_predictions, flatten
from cosmic_fmi.experiment.schema import ROW_KEYS, SCHEMA_VERSION, RunRow
from inference.data.prediction_tables import together

T = TypeVar("T")
_TABLES = ("runs.csv", "ranks.csv", "predictions.parquet")


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr)


class Summary:
    """``DIR/summary.json``, ``runs.csv``, ``ranks.csv``, ``predictions.parquet`` and ``logs/``.

    Opening a folder that holds results already is refused unless ``resume`` is given; then they are read,
    runs that failed are forgotten when they are made again, and everything else stays. A damaged file is
    never overwritten: it is renamed, and ``notify`` gets a line about it; ``read_only`` refuses it instead.
    """

    def __init__(
        self,
        folder: Path,
        *,
        resume: bool = False,
        read_only: bool = False,
        notify: Callable[[str], None] = _to_stderr,
    ) -> None:
        self.folder = folder
        self._notify = notify
        self._read_only = read_only
        self.rows: list[RunRow] = []
        self.ranks: list[dict[str, Any]] = []
        self._predictions: pa.Table = PREDICTION_SCHEMA.empty_table()
        if (folder / "summary.json").exists():
            if not resume:
                raise ResultsError(
                    f"{folder} holds results already: name another --output, or continue them with "
                    "`cosmic-fmi run --resume`"
                )
            self._load()
        elif not read_only:
            self._keep_orphans(resume)

    def _keep_orphans(self, resume: bool) -> None:
        """Files of runs that no summary.json knows of are somebody's results all the same."""
        found = [self.folder / name for name in _TABLES if (self.folder / name).exists()]
        if found and not resume:
            raise ResultsError(
                f"{self.folder} holds {', '.join(path.name for path in found)} without a summary.json: name "
                "another --output, or set them aside with `cosmic-fmi run --resume`"
            )
        for path in found:
            self._notify(f"{path} belongs to no known run, and is kept as {set_aside(path).name}.")

    @property
    def predictions(self) -> pa.Table:
        """All runs' predictions: run_id, object_id, z_true, z_pred, rank, and further columns if any."""
        return self._predictions

    def prepare(self) -> None:
        """Make the folder, early: a run must not be paid for before it is known that its results can be
        kept.
        """
        try:
            make_writable(self.folder)
        except OutputError as error:
            raise ResultsError(str(error)) from error

    def succeeded(self, run_id: str) -> bool:
        """Whether a run with these settings is in here and succeeded."""
        return any(row["run_id"] == run_id and row["status"] == "succeeded" for row in self.rows)

    def add(self, record: RunRecord) -> None:
        """Take in a run, replacing an earlier one of the same id, and write everything."""
        run_id = record.row["run_id"]
        self.rows = [row for row in self.rows if row["run_id"] != run_id] + [record.row]
        self.ranks = [row for row in self.ranks if row["run_id"] != run_id] + record.ranks
        others = self._predictions.filter(pc.not_equal(self._predictions["run_id"], run_id))
        tables = [others] if record.predictions is None else [others, record.predictions]
        self._predictions = together(tables)
        for rank, lines in record.output.items():
            folder = self.log_folder(record)
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / f"{rank}.log", "".join(f"{line}\n" for line in lines).encode())
        self.write()

    def log_folder(self, record: RunRecord) -> Path:
        """Where a run's ``<rank>.log`` are: what each rank printed."""
        return self.folder / "logs" / str(record.row["run_id"])

    def files_folder(self, record: RunRecord) -> Path:
        """Where a run's ``<rank>/`` are: the files that each rank left."""
        return self.folder / "files" / str(record.row["run_id"])

    def write(self) -> None:
        """Write all files, each at once: a reader, or the next --resume, never sees half of one.

        ``summary.json`` comes last, since it is what says that a run is done.
        """
        write_atomically(self.folder / "runs.csv", _csv(_flat(row) for row in self.rows))
        write_atomically(self.folder / "ranks.csv", _csv(self.ranks))
        sink = io.BytesIO()
        pq.write_table(self._predictions, sink, write_page_checksum=True)
        write_atomically(self.folder / "predictions.parquet", sink.getvalue())
        write_atomically(self.folder / "summary.json", (json.dumps(self.rows, indent=2) + "\n").encode())

    def _load(self) -> None:
        path = self.folder / "summary.json"
        try:
            rows = json.loads(path.read_text())
        except ValueError as error:
            if self._read_only:
                raise ResultsError(f"{path} was cut short or is no JSON: repair it first") from error
            aside = set_aside(path)
            raise ResultsError(
                f"{path} was cut short or is no JSON, and is kept as {aside.name}: repair it and rename it "
                "back, or run again to make its runs anew"
            ) from error
        _check_version(path, rows)
        self.rows = rows
        self.ranks = self._salvaged("ranks.csv", _read_csv) or []
        predictions = self._salvaged("predictions.parquet", _read_predictions)
        if predictions is not None:
            self._predictions = predictions

    def _salvaged(self, name: str, read: Callable[[Path], T]) -> T | None:
        """A file's content; one that is damaged is set aside, since the others can do without it."""
        path = self.folder / name
        if not path.exists():
            return None
        try:
            return read(path)
        except (ValueError, csv.Error) as error:
            if self._read_only:
                raise ResultsError(f"{path} is damaged ({error}): move it away first") from error
            aside = set_aside(path)
            self._notify(
                f"{path} is damaged ({error}) and kept as {aside.name}; what comes goes into a new one."
            )
            return None


def _check_version(path: Path, rows: object) -> None:
    """Raises :class:`ResultsError` for anything but rows of this version."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ResultsError(f"{path} is not a list of runs: name another --output")
    for row in rows:
        version = row.get("schema_version", 1)
        if version != SCHEMA_VERSION or set(row) != set(ROW_KEYS):
            raise ResultsError(
                f"{path} was written by another version of this program (its runs have version {version}, "
                f"this one writes {SCHEMA_VERSION}): name another --output, or continue it with that version"
            )


def _read_csv(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, strict=True)
        rows = list(reader)
    if not path.read_bytes().endswith(b"\n") or any(None in row.values() or None in row for row in rows):
        raise ValueError("it was cut short")
    return rows


def _read_predictions(path: Path) -> pa.Table:
    return fit_predictions(read_table(path.read_bytes()), PREDICTION_SCHEMA)


def _flat(row: RunRow) -> dict[str, Any]:
    """A row of runs.csv: everything but the bill's lines, of which there are several a run."""
    return flatten({key: value for key, value in row.items() if key != "cost_lines"})


def _csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """CSV with every column that any row has, in order of first appearance."""
    rows = list(rows)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(cell, columns))
    writer.writerows([cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue().encode()
