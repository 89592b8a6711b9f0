"""Metrics against formulas written out, and a world's metrics against those of all its galaxies together."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inference.metrics import Metrics, Residuals, measure
from inference.rank.reduce import Alone, world_metrics

Array = npt.NDArray[np.float64]
REDSHIFTS = st.floats(0.0, 3.0, width=32)


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(*[arrays(np.float64, n, elements=REDSHIFTS)] * 2)))
def test_metrics_are_what_the_paper_says(pair: tuple[Array, Array]) -> None:
    predicted, truth = pair
    got = measure(predicted, truth)
    dz = (predicted - truth) / (1 + truth)
    assert got.mae == pytest.approx(np.mean(np.abs(predicted - truth)), abs=1e-12)
    assert got.mse == pytest.approx(np.mean((predicted - truth) ** 2), abs=1e-12)
    assert got.bias == pytest.approx(np.mean(dz), abs=1e-12)
    assert got.precision == pytest.approx(1.48 * np.median(np.abs(dz - np.median(dz))), abs=1e-12)
    variance = np.sum((truth - truth.mean()) ** 2)
    if variance > 1e-6:
        assert got.r2 == pytest.approx(1 - np.sum((predicted - truth) ** 2) / variance, rel=1e-9, abs=1e-9)


def test_unknown_redshifts_are_left_out() -> None:
    got = measure(np.array([0.1, 0.5, 0.9]), np.array([0.1, np.nan, 0.8]))
    assert got.num_samples == 2
    assert got.mae == pytest.approx(0.05)


def test_undefined_metrics_are_none() -> None:
    assert measure(np.empty(0), np.empty(0)) == Metrics(None, None, None, None, None, 0)
    assert measure(np.array([0.2]), np.array([0.1])).r2 is None
    assert measure(np.empty(0), np.empty(0)).as_dict()["Precision"] is None


class Crowd:
    """A world of threads that hand lists to each other through memory."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.slots: list[list[float]] = [[] for _ in range(size)]
        self.barrier = Barrier(size)

    def exchange(self, rank: int, values: list[float]) -> list[list[float]]:
        self.slots[rank] = values
        self.barrier.wait(10)
        everything = list(self.slots)
        self.barrier.wait(10)
        return everything


class Member:
    def __init__(self, crowd: Crowd, rank: int) -> None:
        self.crowd, self.rank, self.size = crowd, rank, crowd.size

    def sum(self, values: list[float]) -> list[float]:
        return np.sum(self.crowd.exchange(self.rank, values), axis=0).tolist()  # type: ignore[no-any-return]

    def collect(self, values: list[float]) -> list[list[float]]:
        everything = self.crowd.exchange(self.rank, values)
        return everything if self.rank == 0 else []

    def share(self, values: list[float]) -> list[float]:
        return self.crowd.exchange(self.rank, values)[0]


def in_parts(predicted: Array, truth: Array, edges: list[int]) -> list[Metrics]:
    bounds = [0, *sorted(edges), len(truth)]
    crowd = Crowd(len(bounds) - 1)

    def run(rank: int) -> Metrics:
        part = slice(bounds[rank], bounds[rank + 1])
        return world_metrics(Member(crowd, rank), Residuals.of(predicted[part], truth[part]))

    with ThreadPoolExecutor(crowd.size) as pool:
        return list(pool.map(run, range(crowd.size)))


@given(redshift=st.floats(0.001, 10.0), count=st.integers(1, 60), size=st.integers(1, 4))
def test_equal_redshifts_have_no_variance_to_explain(redshift: float, count: int, size: int) -> None:
    """Whatever rounding makes of their mean."""
    truth = np.full(count, redshift)
    predicted = truth + np.linspace(0.01, 0.02, count)
    assert measure(predicted, truth).r2 is None
    edges = [count * part // size for part in range(1, size)]
    assert {one.r2 for one in in_parts(predicted, truth, edges)} == {None}


@pytest.mark.parametrize("edges", [[10], [0, 5], [7, 7, 20], [3, 30, 30], list(range(1, 16))])
def test_a_world_measures_what_one_process_would(edges: list[int]) -> None:
    random = np.random.default_rng(4)
    truth = random.uniform(0.01, 0.7, 30)
    predicted = truth + random.normal(0, 0.05, 30)
    truth[4] = np.nan
    expected = measure(predicted, truth)
    for got in in_parts(predicted, truth, edges):
        assert got.num_samples == expected.num_samples == 29
        assert got.precision == expected.precision
        for name in ("mae", "mse", "bias", "r2"):
            assert getattr(got, name) == pytest.approx(getattr(expected, name), rel=1e-12)


def test_a_world_without_any_galaxy() -> None:
    assert {m.num_samples for m in in_parts(np.empty(0), np.empty(0), [0, 0])} == {0}


def test_alone() -> None:
    predicted, truth = np.array([0.1, 0.3, 0.2]), np.array([0.1, 0.2, 0.4])
    assert world_metrics(Alone(), Residuals.of(predicted, truth)) == measure(predicted, truth)
