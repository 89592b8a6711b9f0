"""What ``run`` and ``map`` are asked for beside the program: checked, and as options of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Literal, TypedDict

from cosmic_fmi.experiment.errors import SweepError
from cosmic_fmi.experiment.plan.plan import DEFAULT_BUDGET_USD
from cosmic_fmi.experiment.program.secrets import looks_secret
from cosmic_fmi.experiment.results.folder import Summary
from cosmic_fmi.experiment.targets.aws import AwsTarget
from cosmic_fmi.experiment.targets.base import Target
from cosmic_fmi.experiment.targets.local import LocalTarget

TargetName = Literal["local", "aws"]


class Given(TypedDict, total=False):
    """Keywords that ``run`` and ``map`` have in common; the attributes of :class:`Request`."""

    target: TargetName | Target
    env: Mapping[str, str]
    env_from: Mapping[str, str]
    requirements: str | Path | Sequence[str] | None
    memory_mb: int | None
    output: str | Path | None
    budget_usd: float
    yes: bool
    progress: bool


def results_folders() -> list[Path]:
    """Where results may lie, the best first: ``results/`` here, or in the folder above where only that has
    some, as for a notebook in ``docs/``.
    """
    places = [Path("results"), Path.cwd().parent / "results"]
    return sorted(places, key=lambda place: not any(place.glob("*/summary.json")))


@dataclass(frozen=True)
class Request:
    """Where and how to run.

    Attributes:
        target: ``"local"``, the embedded AWS; ``"aws"``, your deployment; or a target object.
        env: variables of the ranks.
        env_from: variables that are SSM parameters, as ``{"TOKEN": "ssm:/cosmic/scripts/token"}``.
        requirements: a requirements file, or a list such as ``["astropy>=7"]``, of what the image lacks.
        memory_mb: of each function (2^20 bytes); None: as deployed.
        output: folder of the results; None: ``results/<name>-<time>``, here or in the
            folder above if only that has results.
        budget_usd: raise BudgetError before a run on AWS that is predicted to cost more.
        yes: go on nevertheless.
        progress: show it, and what ranks print.
    """

    target: TargetName | Target = "local"
    env: Mapping[str, str] = field(default_factory=dict)
    env_from: Mapping[str, str] = field(default_factory=dict)
    requirements: str | Path | Sequence[str] | None = None
    memory_mb: int | None = None
    output: str | Path | None = None
    budget_usd: float = DEFAULT_BUDGET_USD
    yes: bool = False
    progress: bool = True

    def check(self) -> None:
        """Raises SweepError for a target that there is not, and for variables that look like secrets."""
        if isinstance(self.target, str) and self.target not in ("local", "aws"):
            raise SweepError(f'target={self.target!r}: give "local" or "aws"')
        for name, value in self.env.items():
            if looks_secret(name, str(value)):
                raise SweepError(
                    f"env has {name}, which looks like a secret, and the execution's input is kept in the "
                    "clear: store it as an SSM parameter and give "
                    f'env_from={{"{name}": "ssm:/cosmic/scripts/{name.lower()}"}} (docs/run.md)'
                )

    def new_folder(self, name: str) -> Path:
        """The folder of the results, which is made. Raises ResultsError for one that holds some already."""
        if self.output is not None:
            folder = Path(self.output)
            Summary(folder).prepare()
            return folder
        first = results_folders()[0] / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
        for number in count(1):
            folder = first if number == 1 else first.with_name(f"{first.name}-{number}")
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                continue
            break
        return folder

    def requirements_file(self, folder: Path) -> Path | None:
        """The requirements as a file; a list is written into the folder."""
        if self.requirements is None or isinstance(self.requirements, str | Path):
            return None if self.requirements is None else Path(self.requirements)
        path = folder / "requirements.txt"
        path.write_text("".join(f"{line}\n" for line in self.requirements))
        return path

    def place(self, world_size: int, *, meets: bool) -> Target:
        """The target, for a world of this size whose ranks connect to each other or not."""
        if not isinstance(self.target, str):
            return self.target
        return LocalTarget() if self.target == "local" else AwsTarget(world_size=world_size, meets=meets)
