"""What the Python interface raises, beside the errors of cosmic_fmi/experiment/errors.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosmic_fmi.experiment.errors import ExperimentError

if TYPE_CHECKING:
    from cosmic_fmi.api.finished import Run


class FunctionError(ExperimentError):
    """A function, or what it is to be called with, that cannot travel to the ranks."""


class RunError(ExperimentError):
    """A run that did not succeed.

    Attributes:
        run: what there is of it: its output, files and cost.
    """

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message)
        self.run = run


class RankError(RunError):
    """A rank that raised an exception, or a script that ended with an error.

    Attributes:
        rank: which one; of several, the one that failed first.
        kind: the name of the exception's class, such as ``ValueError``.
        traceback: the rank's, as text; of a script, the last lines that it printed.
    """

    def __init__(self, rank: int, kind: str, message: str, traceback: str, run: Run) -> None:
        said = f"{kind}: {message}" if message else kind
        super().__init__(f"rank {rank} of {run.world_size} failed: {said}\n\n{traceback.rstrip()}", run)
        self.rank, self.kind, self.traceback = rank, kind, traceback
