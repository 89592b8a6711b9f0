"""``sweep.json``: what a sweep set out to make, so that it can be resumed, and its order made again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cosmic_fmi.common.files import write_atomically
from cosmic_fmi.experiment.errors import ResultsError
from cosmic_fmi.experiment.plan.inputs import Input
from cosmic_fmi.experiment.plan.plan import Plan, Setting
from cosmic_fmi.experiment.program.options import ProgramOptions
from cosmic_fmi.experiment.schema import SCHEMA_VERSION

NAME = "sweep.json"


@dataclass(frozen=True)
class SweepRecord:
    """A plan, its input and its target."""

    plan: Plan
    input: Input
    target: str
    budget_usd: float | None = None

    def write(self, folder: Path) -> None:
        """Write ``sweep.json``, with the order of the runs for people."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "target": self.target,
            "payload": _text(self.input.payload),
            "script": _text(self.input.script),
            "requirements": _text(self.input.requirements),
            "program": self.input.program.to_json(),
            "budget_usd": self.budget_usd,
            "seed": self.plan.seed,
            "repetitions": self.plan.repetitions,
            "warm_up": self.plan.warm_up,
            "settings": [asdict(setting) for setting in self.plan.settings],
            "order": [run.run_id for run in self.plan.runs()],
        }
        write_atomically(folder / NAME, (json.dumps(content, indent=2) + "\n").encode())


def read_record(folder: Path) -> SweepRecord:
    """The sweep that made ``folder``. Raises :class:`ResultsError` when there is none or it is damaged."""
    path = folder / NAME
    try:
        found = json.loads(path.read_text())
        if found["schema_version"] != SCHEMA_VERSION:
            raise ResultsError(
                f"{path} was written by version {found['schema_version']} and this is {SCHEMA_VERSION}: name "
                "another --output"
            )
        given = Input(
            _path(found["payload"]),
            _path(found["script"]),
            _path(found.get("requirements")),
            ProgramOptions.from_json(found.get("program") or {}),
        )
        plan = Plan(
            settings=tuple(Setting(**setting) for setting in found["settings"]),
            repetitions=found["repetitions"],
            warm_up=found["warm_up"],
            seed=found["seed"],
            source=given.source,
        )
        return SweepRecord(plan, given, found["target"], found.get("budget_usd"))
    except FileNotFoundError as error:
        raise ResultsError(
            f"{folder} holds no sweep to continue ({NAME} is missing): give its settings as well"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(
            f"{path} is damaged ({error}): move it away and give the sweep's settings"
        ) from error


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
