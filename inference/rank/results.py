"""What an inference run leaves behind: a JSON with the course's keys, and the predictions as Parquet."""

import io
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import psutil

from cosmic_fmi.common.contract.reading import read_table
from cosmic_fmi.common.memory import peak_memory
from inference.core import object_ids, validity
from inference.core.galaxies import Extra, Galaxies, joined_extra
from inference.core.object_ids import Ids
from inference.core.training_range import TrainingRange
from inference.core.validity import Flag, Flags, Rows
from inference.engines.base import Engine, Run

if TYPE_CHECKING:
    from cosmic_fmi.common.contract.result import CourseKeys, FailedKeys

MEGABYTE = 1e6
FAILED_LISTED = 1000
"""Ids of failed objects that go into a result's JSON; the Parquet file has all of them."""
FLAGS = b"flags"
"""Key of the Parquet file's metadata that says what each bit of the column flags means."""
OWN = ("object_id", "z_true", "z_pred", "rank", "flags", "in_training_range")
"""Columns of predictions that are no further ones."""


@dataclass(frozen=True)
class Predictions:
    """One row an object: object_id [N], z_true float64 [N] (NaN where unknown), z_pred float64 [N].

    An object for which there is no number to believe keeps its row, with NaN for z_pred. `flags` int32 [N]
    are bits of `validity.Flag`, and `in_range` bool [N] says whether magnitudes and pixels are within what
    the model was trained on, None where it does not say what that was. `extra` has the further columns.
    """

    object_id: Ids
    z_true: npt.NDArray[np.float64]
    z_pred: npt.NDArray[np.float64]
    flags: Flags
    in_range: Rows | None
    extra: Extra = field(default_factory=dict)

    @classmethod
    def none(cls) -> "Predictions":
        """No rows."""
        return cls(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0, np.int32), None)

    @classmethod
    def of(cls, galaxies: Galaxies, run: Run, known: TrainingRange | None = None) -> "Predictions":
        """What `run` predicted for `galaxies`, judged by the rules of `validity` and by the model's range."""
        flags = validity.flags(galaxies, known)
        usable = (flags & validity.UNUSABLE) == 0
        flags[usable & validity.impossible_prediction(run.redshift)] |= Flag.PREDICTION
        unknown = (flags & Flag.REDSHIFT) != 0
        nothing = (flags & (validity.UNUSABLE | Flag.PREDICTION)) != 0
        return cls(
            galaxies.object_id,
            np.where(unknown, np.nan, galaxies.redshift),
            np.where(nothing, np.nan, run.redshift),
            flags,
            None if known is None else (flags & (validity.UNUSABLE | validity.OUTSIDE)) == 0,
            galaxies.extra,
        )

    def __len__(self) -> int:
        return len(self.object_id)

    def __add__(self, other: "Predictions") -> "Predictions":
        ranges = [one.in_range for one in (self, other) if len(one)]
        known = [one for one in ranges if one is not None]
        return Predictions(
            object_ids.joined([one.object_id for one in (self, other) if len(one)]),
            np.concatenate([self.z_true, other.z_true]),
            np.concatenate([self.z_pred, other.z_pred]),
            np.concatenate([self.flags, other.flags]),
            np.concatenate(known) if known and len(known) == len(ranges) else None,
            joined_extra([(len(one), one.extra) for one in (self, other)]),
        )

    def marked(self, rows: Rows, flag: Flag) -> "Predictions":
        """The same with a bit more for some rows [N]."""
        return replace(self, flags=np.where(rows, self.flags | flag, self.flags).astype(np.int32))

    @property
    def failed(self) -> list[Any]:
        """Ids of the objects without a prediction."""
        found: list[Any] = self.object_id[~np.isfinite(self.z_pred)].tolist()
        return found

    @property
    def flagged(self) -> Rows:
        """Objects [N] with a flag: their prediction is no measure of the model."""
        return np.asarray((self.flags & ~int(Flag.REDSHIFT)) != 0)

    @property
    def judged(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Predicted and true redshifts that metrics are of: those of objects without a flag."""
        return self.z_pred[~self.flagged], self.z_true[~self.flagged]

    def report(self) -> "FailedKeys":
        """How many objects have no prediction, which (the first ones, if there are very many), and why; and
        how many have which flag.
        """
        return {
            "num_failed": len(self.failed),
            "failed_object_ids": self.failed[:FAILED_LISTED],
            "num_flagged": int(self.flagged.sum()),
            "flags": validity.counts(self.flags),
            "training_range_known": self.in_range is not None,
        }

    def parquet(self, rank: int = 0, metadata: Mapping[bytes, bytes] | None = None) -> bytes:
        """A Parquet file: object_id, z_true, z_pred, rank (int32), flags (int32), in_training_range, and the
        further columns; with metadata if any.

        z_true is null where it is unknown, z_pred where there is none, in_training_range where the model does
        not say its range. A further column that has the name of one of these gets a _ behind it.
        """
        import pyarrow as pa  # noqa: PLC0415 - only needed once the predictions are there
        import pyarrow.parquet as pq  # noqa: PLC0415

        inside = pa.nulls(len(self), pa.bool_()) if self.in_range is None else pa.array(self.in_range)
        columns = {
            "object_id": pa.array(self.object_id),
            "z_true": pa.array(self.z_true, pa.float64(), from_pandas=True),
            "z_pred": pa.array(self.z_pred, pa.float64(), from_pandas=True),
            "rank": pa.array(np.full(len(self), rank, np.int32)),
            "flags": pa.array(self.flags),
            "in_training_range": inside,
        }
        more = {f"{name}_" if name in columns else name: column for name, column in self.extra.items()}
        columns |= {name: pa.array(column, from_pandas=True) for name, column in more.items()}
        bits = json.dumps({int(flag): text for flag, text in validity.TEXTS.items()}).encode()
        table = pa.table(columns, metadata={FLAGS: bits, **(metadata or {})})
        buffer = io.BytesIO()
        pq.write_table(table, buffer, write_page_checksum=True)
        return buffer.getvalue()

    @classmethod
    def from_parquet(cls, content: bytes | bytearray) -> tuple["Predictions", Mapping[bytes, bytes]]:
        """Read what `parquet` wrote: the predictions, with NaN for null, and the metadata.

        Raises ValueError for a damaged file, and KeyError for one without these columns.
        """
        table = read_table(bytes(content))
        names = ("object_id", "z_true", "z_pred", "flags")
        ids, true, predicted, flags = (_array(table[name]) for name in names)
        inside = table["in_training_range"]
        extra = {name: _array(table[name]) for name in table.column_names if name not in OWN}
        in_range = None if inside.null_count else _array(inside).astype(bool)
        return cls(ids, true, predicted, flags, in_range, extra), table.schema.metadata or {}


def _array(column: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - pyarrow has no types
    found = np.asarray(column.to_numpy())
    return found.astype(np.str_) if found.dtype.kind == "O" else found


def course_keys(run: Run, batch_size: int, engine: Engine) -> "CourseKeys":
    """The part of a result that the course's scripts read, under its names, and what computed it.

    Rates are by the wall clock. `total_cpu_time (seconds)` is processor time over all threads and
    `total_cpu_memory (MB)` the process's resident memory after the run (the course summed its profiler's
    nested times and allocations, which is neither).
    """
    return {
        "total_cpu_time (seconds)": run.cpu_seconds,
        "total_cpu_memory (MB)": psutil.Process().memory_info().rss / MEGABYTE,
        "execution_time (seconds/batch)": run.seconds_per_batch,
        "num_batches": run.num_batches,
        "batch_size": batch_size,
        "device": engine.device,
        "engine": engine.name,
        "precision": engine.precision,
        "threads": engine.threads,
        "throughput_bps": run.bits_per_second,
        "sample_persec": run.samples_per_second,
        "cpu_info": cpu_info(),
        "ram_info (GB)": psutil.virtual_memory().total / 2**30,
        "num_samples": len(run.redshift),
        "wall_time (seconds)": run.wall_seconds,
        "peak_rss (MB)": peak_memory() / MEGABYTE,
    }


def cpu_info() -> Mapping[str, Any]:
    """The processor, as the course's results describe it."""
    return {
        "processor": platform.processor(),
        "architecture": list(platform.architecture()),
        "machine": platform.machine(),
        "system": platform.system(),
        "platform": platform.platform(),
        "cores": psutil.cpu_count() or 1,
    }
