"""Result files: the course's keys, Parquet with nulls, and a picture."""

import io
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest

from inference.core.galaxies import Galaxies
from inference.engines.base import Run, predict
from inference.metrics import measure
from inference.plots import local_density, scatter
from inference.rank.results import Predictions, course_keys

COURSE_KEYS = {
    "total_cpu_time (seconds)",
    "total_cpu_memory (MB)",
    "execution_time (seconds/batch)",
    "num_batches",
    "batch_size",
    "device",
    "engine",
    "precision",
    "threads",
    "throughput_bps",
    "sample_persec",
    "cpu_info",
    "ram_info (GB)",
    "num_samples",
    "wall_time (seconds)",
    "peak_rss (MB)",
}


class Silent:
    """An engine that answers with what it is told to."""

    name, device, precision, threads = "silent", "cpu", "fp32", 1

    def __init__(self, *answers: float) -> None:
        self.answers = answers

    def __call__(
        self, image: npt.NDArray[np.float32], magnitude: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float32]:
        assert len(image) == len(magnitude)
        return np.array(self.answers[: len(image)], np.float32)


def test_rates_are_by_the_clock() -> None:
    run = Run(np.zeros(100), 4, wall_seconds=2.0, cpu_seconds=3.0, bits=1000)
    run += Run(np.zeros(20), 1, wall_seconds=1.0, cpu_seconds=1.0, bits=200)
    keys = course_keys(run, 25, Silent())
    assert set(keys) == COURSE_KEYS
    assert keys["total_cpu_time (seconds)"] == 4.0
    assert keys["execution_time (seconds/batch)"] == 0.6
    assert keys["sample_persec"] == 40.0
    assert keys["throughput_bps"] == 400.0
    assert keys["num_batches"] == 5
    assert keys["peak_rss (MB)"] > 10
    json.dumps(keys, allow_nan=False)


def test_a_rank_without_samples_has_rates_of_zero() -> None:
    keys = course_keys(Run(), 512, Silent())
    assert keys["sample_persec"] == keys["throughput_bps"] == keys["execution_time (seconds/batch)"] == 0


def test_parquet_has_nulls_for_unknown_redshifts() -> None:
    predictions = Predictions(np.array([7, 9]), np.array([0.5, np.nan]), np.array([0.4, 0.3]))
    table = pq.read_table(io.BytesIO(predictions.parquet(rank=3)))
    assert table.to_pydict() == {
        "object_id": [7, 9],
        "z_true": [0.5, None],
        "z_pred": [0.4, 0.3],
        "rank": [3, 3],
    }
    assert [str(field.type) for field in table.schema] == ["int64", "double", "double", "int32"]
    empty = pq.read_table(io.BytesIO(Predictions.none().parquet(rank=1)))
    assert empty.num_rows == 0
    assert empty.schema.equals(table.schema)


def test_failed_objects_keep_their_row_and_are_listed(tmp_path: Path) -> None:
    galaxies = Galaxies(
        np.zeros((4, 5, 1, 1), np.float32), np.ones((4, 5)), np.array([0.1, 0.2, 0.3, 0.4]), np.arange(10, 14)
    )
    run = predict(Silent(0.1, np.nan, np.inf, 0.5), galaxies, batch_size=4)
    predictions = Predictions.of(galaxies, run)
    assert predictions.report() == {"num_failed": 2, "failed_object_ids": [11, 12]}
    table = pq.read_table(io.BytesIO(predictions.parquet())).to_pydict()
    assert table["object_id"] == [10, 11, 12, 13]
    assert table["z_pred"] == [pytest.approx(0.1), None, None, 0.5]
    metrics = measure(predictions.z_pred, predictions.z_true)
    assert metrics.num_samples == 2
    assert metrics.mae == pytest.approx(0.05)
    scatter(predictions.z_true, predictions.z_pred, metrics, tmp_path / "inference.png")
    json.dumps(predictions.report() | metrics.as_dict(), allow_nan=False)


def test_the_picture(tmp_path: Path) -> None:
    truth = np.linspace(0.1, 0.6, 50)
    truth[3] = np.nan
    predicted = truth + 0.01
    predicted[3] = 0.2
    path = tmp_path / "inference.png"
    scatter(truth, predicted, measure(predicted, truth), path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_density_counts_neighbours() -> None:
    x = np.array([0.0, 0.0, 0.0, 1.0])
    assert local_density(x, x, bins=10).tolist() == [3, 3, 3, 1]
