"""What an inference run leaves behind: a JSON with the course's keys, and the predictions as Parquet."""

import io
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import psutil

from cosmic_fmi.common.contract.reading import read_table
from cosmic_fmi.common.memory import peak_memory
from inference.core.galaxies import Galaxies
from inference.engines.base import Engine, Run

if TYPE_CHECKING:
    from cosmic_fmi.common.contract.result import CourseKeys, FailedKeys

MEGABYTE = 1e6
FAILED_LISTED = 1000
"""Ids of failed objects that go into a result's JSON; the Parquet file has all of them."""


@dataclass(frozen=True)
class Predictions:
    """One row an object: object_id int64 [N], z_true float64 [N] (NaN where unknown), z_pred float64 [N].

    An object for which the network gave no finite number keeps its row.
    """

    object_id: npt.NDArray[np.int64]
    z_true: npt.NDArray[np.float64]
    z_pred: npt.NDArray[np.float64]

    @classmethod
    def none(cls) -> "Predictions":
        """No rows."""
        return cls(np.empty(0, np.int64), np.empty(0), np.empty(0))

    @classmethod
    def of(cls, galaxies: Galaxies, run: Run) -> "Predictions":
        """What `run` predicted for `galaxies`."""
        return cls(galaxies.object_id, galaxies.redshift, run.redshift)

    def __add__(self, other: "Predictions") -> "Predictions":
        return Predictions(
            np.concatenate([self.object_id, other.object_id]),
            np.concatenate([self.z_true, other.z_true]),
            np.concatenate([self.z_pred, other.z_pred]),
        )

    @property
    def failed(self) -> list[int]:
        """Ids of the objects without a finite prediction."""
        found: list[int] = self.object_id[~np.isfinite(self.z_pred)].tolist()
        return found

    def report(self) -> "FailedKeys":
        """How many objects have no prediction, and which (the first ones, if there are very many)."""
        return {"num_failed": len(self.failed), "failed_object_ids": self.failed[:FAILED_LISTED]}

    def parquet(self, rank: int = 0, metadata: Mapping[bytes, bytes] | None = None) -> bytes:
        """A Parquet file with the columns object_id, z_true, z_pred and rank (int32), and metadata if any.

        z_true is null where it is unknown, z_pred where it is not a finite number.
        """
        import pyarrow as pa  # noqa: PLC0415 - only needed once the predictions are there
        import pyarrow.parquet as pq  # noqa: PLC0415

        table = pa.table(
            {
                "object_id": pa.array(self.object_id, pa.int64()),
                "z_true": pa.array(self.z_true, pa.float64(), from_pandas=True),
                "z_pred": pa.array(
                    np.where(np.isfinite(self.z_pred), self.z_pred, np.nan), pa.float64(), from_pandas=True
                ),
                "rank": pa.array(np.full(len(self.object_id), rank, np.int32)),
            },
            metadata=dict(metadata or {}),
        )
        buffer = io.BytesIO()
        pq.write_table(table, buffer, write_page_checksum=True)
        return buffer.getvalue()

    @classmethod
    def from_parquet(cls, content: bytes | bytearray) -> tuple["Predictions", Mapping[bytes, bytes]]:
        """Read what `parquet` wrote: the predictions, with NaN for null, and the metadata.

        Raises ValueError for a damaged file, and KeyError for one without these columns.
        """
        table = read_table(bytes(content))
        columns = (table[name].to_numpy() for name in ("object_id", "z_true", "z_pred"))
        return cls(*columns), table.schema.metadata or {}


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
