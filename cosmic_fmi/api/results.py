"""A folder of results, read: its runs, medians, speed-up, and what other settings would take."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cosmic_fmi.api.finished import Run, runs_of
from cosmic_fmi.api.request import results_folders
from cosmic_fmi.experiment.cost.prices import load_prices
from cosmic_fmi.experiment.errors import ModelError, ResultsError
from cosmic_fmi.experiment.model.observations import fitted, published
from cosmic_fmi.experiment.model.prediction import Prediction, predict
from cosmic_fmi.experiment.model.scaling import ScalingModel, Settings
from cosmic_fmi.experiment.report.simulation import for_aws
from cosmic_fmi.experiment.results.folder import Summary
from cosmic_fmi.experiment.results.groups import Axis, along, comparable, usable
from cosmic_fmi.experiment.results.reading import open_results
from cosmic_fmi.experiment.results.statistics import Estimate, median, ratio

VARIABLE = "COSMIC_RESULTS"
"""Names a folder of results that is to be taken instead of the newest one."""


@dataclass(frozen=True)
class Results:
    """The runs of one folder.

    Attributes:
        folder: where they are.
        all_runs: every run, in the order in which they were made.
    """

    folder: Path
    all_runs: list[Run]

    @property
    def runs(self) -> list[Run]:
        """Those that succeeded and were no warm-up."""
        rows = {id(row) for row in usable(run.row for run in self.all_runs)}
        return [run for run in self.all_runs if id(run.row) in rows]

    @property
    def newest(self) -> Run:
        """The newest run that predicted redshifts, or else the newest that succeeded.

        Raises ResultsError where none succeeded.
        """
        if not self.runs:
            raise ResultsError(f"no run in {self.folder} succeeded")
        return next((run for run in reversed(self.runs) if run.predictions.num_rows), self.runs[-1])

    def by(self, axis: Axis = "world_size") -> dict[float, list[Run]]:
        """Runs by what was varied (``world_size``, ``batch_size``, ``memory_mb``, ``partition_mb`` or
        ``files``), with everything else equal; warm ones only, where a setting has any.
        """
        runs = {run.name: run for run in self.runs}
        return {
            value: [runs[row["run_id"]] for row in comparable(group)]
            for value, group in along([run.row for run in self.runs], axis).items()
        }

    def median(
        self, axis: Axis = "world_size", of: Callable[[Run], float] = lambda run: run.duration_s
    ) -> dict[float, Estimate]:
        """The median of a value of the runs (seconds, without ``of``) with its 95 % interval, for each value
        of the axis.
        """
        return {value: median([of(run) for run in group]) for value, group in self.by(axis).items()}

    def speedup(self) -> dict[float, Estimate]:
        """The time of the smallest world by the time of each, with its 95 % interval."""
        times = {world: [run.duration_s for run in group] for world, group in self.by().items()}
        if not times:
            return {}
        smallest = min(times)
        gains = {world: ratio(times[smallest], found) for world, found in times.items()}
        gains[smallest] = Estimate(1.0, 1.0, 1.0, len(times[smallest]))  # by itself: no noise
        return gains

    def model(self) -> ScalingModel:
        """The scaling model of these runs; while they are too few, of published figures."""
        runs = self.runs
        try:
            return fitted([run.row for run in runs], [rank for run in runs for rank in run.ranks])
        except ModelError:
            return published()

    def predict(
        self,
        *,
        world_size: int,
        galaxies: int,
        partitions: int = 100,
        memory_mb: int = 3008,
        batch_size: int = 512,
    ) -> Prediction:
        """Seconds and cost (US dollars) of an inference on AWS, by :meth:`model`."""
        work = Settings(
            world_size, memory_mb=memory_mb, batch_size=batch_size, galaxies=galaxies, partitions=partitions
        )
        return predict(for_aws(self.model()), work, load_prices())


def results(folder: str | Path | None = None) -> Results:
    """The runs in a folder of results.

    Without one: of the folder that ``COSMIC_RESULTS`` names, or of the newest one below ``results/``, here or
    in the folder above, that has redshifts in it.

    Raises :class:`~cosmic_fmi.experiment.errors.ResultsError` where there is none.
    """
    given = folder or os.environ.get(VARIABLE)
    summary = open_results(Path(given)) if given else _newest()
    return Results(summary.folder, runs_of(summary))


def _newest() -> Summary:
    places = results_folders()
    for place in places:
        found = sorted(place.glob("*/summary.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in found:
            try:
                summary = open_results(path.parent)
            except ResultsError:  # of another version
                continue
            if summary.predictions.num_rows and usable(summary.rows):
                return summary
    raise ResultsError(
        f"there is no run with redshifts below {places[0].absolute()}: type `make run` or call "
        "cosmic_fmi.run() first, or name a folder"
    )
