"""What a setting can be chosen for. The command line names the goals before it loads the model."""

from __future__ import annotations

from typing import Literal

Goal = Literal["cost", "time", "balanced"]
GOALS: tuple[Goal, ...] = ("cost", "time", "balanced")
