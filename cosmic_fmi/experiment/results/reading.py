"""An experiment's output folder, opened to be read."""

from __future__ import annotations

from pathlib import Path

from cosmic_fmi.experiment.errors import ResultsError
from cosmic_fmi.experiment.results.folder import Summary


def open_results(folder: Path) -> Summary:
    """The results in a folder; nothing is written or made.

    Raises :class:`~cosmic_fmi.experiment.errors.ResultsError` when there are none, or some that cannot be
    read.
    """
    if not (folder / "summary.json").is_file():
        raise ResultsError(f"{folder} holds no results: name the --output folder of an experiment")
    return Summary(folder, resume=True, read_only=True)


def latest_results(below: Path) -> Path | None:
    """The results folder in here that was written last; None where there is none."""
    found = sorted(below.glob("*/summary.json"), key=lambda path: path.stat().st_mtime)
    return found[-1].parent if found else None
