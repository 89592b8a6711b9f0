"""Figures that the course and the papers measured, to set ours beside them.

Taken from the course's reports and from the CAI paper, arXiv 2501.06249.
"""

from __future__ import annotations

from dataclasses import dataclass

# Total time (s) of an execution by world size: the FMI step function, without data.
FMI_TOTAL_S: dict[str, dict[int, float]] = {
    "course team 3": {2: 4.720, 4: 7.566, 16: 5.158},
    "course team 4": {2: 4.846, 4: 4.635, 20: 5.029, 50: 6.877},
    "course team 5": {2: 3.321, 8: 3.542, 16: 5.623, 32: 7.156},
}


@dataclass(frozen=True)
class InferenceFigure:
    """AstroMAE on one Lambda function of 10,240 MB, CPU, 1,024 samples."""

    source: str
    batch_size: int
    seconds_per_batch: float
    samples_per_s: float | None


INFERENCE = (
    InferenceFigure("course team 1", 256, 1.220, 209.9),
    InferenceFigure("course team 4", 512, 2.907, 176.1),
    InferenceFigure("course team 3", 512, 3.062, 167.2),
    InferenceFigure("course team 1", 1024, 7.461, None),
)
