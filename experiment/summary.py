"""The files of an experiment's output folder; rewritten after every run, so that nothing is ever lost."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiment.collect import PREDICTION_SCHEMA, RunRecord, flatten
from experiment.errors import ResultsError
from experiment.rows import ROW_KEYS, RunRow


class Summary:
    """``DIR/summary.json``, ``runs.csv``, ``ranks.csv``, ``predictions.parquet`` and ``logs/``.

    Opening a folder that holds results already is refused unless ``resume`` is given; then they are read,
    runs that failed are forgotten when they are made again, and everything else stays.
    """

    def __init__(self, folder: Path, *, resume: bool = False) -> None:
        self.folder = folder
        self.rows: list[RunRow] = []
        self.ranks: list[dict[str, Any]] = []
        self._predictions: pa.Table = PREDICTION_SCHEMA.empty_table()
        if (folder / "summary.json").exists():
            if not resume:
                raise ResultsError(
                    f"{folder} holds results already: add --resume to continue them, or name another --output"
                )
            self._load()

    @property
    def predictions(self) -> pa.Table:
        """All runs' predictions: run_id, object_id, z_true, z_pred, rank."""
        return self._predictions

    def prepare(self) -> None:
        """Make the folder, early: a run must not be paid for before it is known that its results can be
        kept.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(self.folder / ".writable", b"")
            (self.folder / ".writable").unlink()
        except OSError as error:
            raise ResultsError(f"cannot write into {self.folder}: {error.strerror}") from error

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
        self._predictions = pa.concat_tables(tables)
        for rank, lines in record.output.items():
            folder = self.log_folder(record)
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / f"{rank}.log", "".join(f"{line}\n" for line in lines).encode())
        self.write()

    def log_folder(self, record: RunRecord) -> Path:
        """Where a run's ``<rank>.log`` are: what each rank printed."""
        return self.folder / "logs" / str(record.row["run_id"])

    def write(self) -> None:
        """Write all files, each at once: a reader, or the next --resume, never sees half of one.

        ``summary.json`` comes last, since it is what says that a run is done.
        """
        _write(self.folder / "runs.csv", _csv(_flat(row) for row in self.rows))
        _write(self.folder / "ranks.csv", _csv(self.ranks))
        sink = io.BytesIO()
        pq.write_table(self._predictions, sink)
        _write(self.folder / "predictions.parquet", sink.getvalue())
        _write(self.folder / "summary.json", (json.dumps(self.rows, indent=2) + "\n").encode())

    def _load(self) -> None:
        path = self.folder / "summary.json"
        try:
            rows = json.loads(path.read_text())
        except ValueError as error:
            raise ResultsError(
                f"{path} is not complete JSON: move it away or name another --output"
            ) from error
        if not isinstance(rows, list) or any(set(row) != set(ROW_KEYS) for row in rows):
            raise ResultsError(f"{path} was written by another version: name another --output")
        self.rows = rows
        ranks, predictions = self.folder / "ranks.csv", self.folder / "predictions.parquet"
        if ranks.exists():
            with ranks.open(newline="") as file:
                self.ranks = list(csv.DictReader(file))
        if predictions.exists():
            try:
                self._predictions = pq.read_table(predictions, schema=PREDICTION_SCHEMA)
            except pa.ArrowInvalid as error:
                raise ResultsError(
                    f"{predictions} cannot be read: move it away or name another --output"
                ) from error


def _flat(row: RunRow) -> dict[str, Any]:
    """A row of runs.csv: everything but the bill's lines, of which there are several a run."""
    return flatten({key: value for key, value in row.items() if key != "cost_lines"})


def _csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """CSV with every column that any row has, in order of first appearance."""
    rows = list(rows)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
