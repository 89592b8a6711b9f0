"""A run that has ended: how, what it left, and what it cost."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from cosmic_fmi.api.on_rank import RAISED, RETURNED
from cosmic_fmi.common.extra import install
from cosmic_fmi.experiment.errors import ResultsError
from cosmic_fmi.experiment.results.folder import Summary
from cosmic_fmi.experiment.results.reading import open_results
from cosmic_fmi.experiment.schema import RunRow

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Run:
    """One execution, from :func:`cosmic_fmi.run` or a folder of results.

    Attributes:
        row: the run's row of ``summary.json`` (docs/experiments.md).
        folder: of the results, with ``report.html``.
        ranks: a row of measurements per rank, as in ``ranks.csv``.
        results: what the function returned on each rank, by rank. Empty for scripts, and for runs that were
            read from a folder: unpickling runs code, so only what this program itself ran is unpickled.
    """

    row: RunRow
    folder: Path
    ranks: Sequence[dict[str, Any]] = field(default_factory=list)
    results: Sequence[Any] = ()

    @property
    def name(self) -> str:
        """Program, setting and repetition, such as ``pi-w4-1``."""
        return self.row["run_id"]

    @property
    def status(self) -> str:
        """``succeeded``, ``failed``, ``timed_out`` or ``aborted``."""
        return self.row["status"]

    @property
    def error(self) -> str | None:
        """Why it did not succeed, in one sentence; None where it did."""
        return self.row["error"]

    @property
    def world_size(self) -> int:
        """Number of ranks."""
        return self.row["world_size"]

    @property
    def duration_s(self) -> float:
        """Seconds, of the whole execution."""
        return self.row["duration_s"]

    @property
    def phases(self) -> dict[str, float]:
        """Seconds of ``duration_s`` by what they were spent on; they add up to it."""
        return self.row["phases"]

    @property
    def cost_usd(self) -> float:
        """US dollars; on the embedded AWS, what the run would have cost on AWS."""
        return self.row["cost_usd"]

    @property
    def cost_breakdown(self) -> dict[str, float]:
        """US dollars by item."""
        return self.row["cost_breakdown"]

    @property
    def metrics(self) -> dict[str, float]:
        """Of the whole world, such as MAE; empty where the program has none."""
        return self.row["metrics"]

    @cached_property
    def output(self) -> dict[int, list[str]]:
        """The lines that each rank printed, by rank."""
        logs = sorted((self.folder / "logs" / self.name).glob("*.log"), key=lambda path: int(path.stem))
        return {int(path.stem): path.read_text().splitlines() for path in logs}

    @property
    def files_folder(self) -> Path:
        """Where the ranks' files are, each rank's in a folder named after it."""
        return self.folder / "files" / self.name

    @property
    def files(self) -> dict[int, list[Path]]:
        """What each rank wrote to ``OUTPUT_PATH``, by rank; empty lists for nothing."""
        return {rank: self._files_of(rank) for rank in range(self.world_size)}

    def _files_of(self, rank: int) -> list[Path]:
        folder = self.files_folder / str(rank)
        ours = {folder / RETURNED, folder / RAISED}
        return sorted(path for path in folder.rglob("*") if path.is_file() and path not in ours)

    @cached_property
    def predictions(self) -> pa.Table:
        """Redshifts, of a run that predicted some: object_id, z_true, z_pred, rank; else without rows."""
        table = open_results(self.folder).predictions
        return table.filter(pc.equal(table["run_id"], self.name)).drop_columns(["run_id"])

    def to_pandas(self) -> pd.DataFrame:
        """A row per rank: its measurements and, of a function, ``result``.

        Raises ResultsError where pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")  # an extra, and slow to load
        except ImportError:
            raise ResultsError(
                f"pandas is not installed: type `{install('notebook')}`, or use .ranks and .results"
            ) from None
        frame: pd.DataFrame = pandas.DataFrame(list(self.ranks))
        if "rank" in frame:
            frame = frame.astype({"rank": int}).set_index("rank").sort_index()
        if self.results:
            frame["result"] = pandas.Series(list(self.results), dtype=object)
        return frame

    def __repr__(self) -> str:
        cost = f"${self.cost_usd:.6f}{' on AWS' if self.row['target'] == 'local' else ''}"
        return f"<Run {self.name}: {self.status}, {self.duration_s:.1f} s, {cost}, in {self.folder}>"


def runs_of(summary: Summary) -> list[Run]:
    """The runs of a folder, in the order in which they were made."""
    rows = sorted(summary.rows, key=lambda row: row["started_at"])
    return [
        Run(row, summary.folder, [rank for rank in summary.ranks if rank["run_id"] == row["run_id"]])
        for row in rows
    ]
