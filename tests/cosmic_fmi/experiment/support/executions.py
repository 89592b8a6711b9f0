"""Executions of fake targets: what the ranks of one left behind, and the options of sweeps of them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from cosmic_fmi.experiment.execution.runner import Execution
from cosmic_fmi.experiment.plan.inputs import Input
from cosmic_fmi.experiment.plan.plan import Plan, RunSpec, Setting
from cosmic_fmi.experiment.sweep.session import Options
from tests.cosmic_fmi.experiment.support.fakes import STARTED

SPEC = RunSpec(2, 512)
PAYLOAD = {"bucket": "state", "world_size": 2, "data_prefix": "sample/16", "result_path": "results/x"}
EXECUTION = Execution(SPEC, "x", PAYLOAD, 3008, 2048)
OUTPUT = {
    "world_size": 2,
    "result_path": "results/x",
    "metrics": {"MAE": 0.02, "R2": 0.95},
    "request_ids": {"initialize": "req-i", "summarize": "req-s"},
}


def succeeded() -> dict[str, Any]:
    return {"status": "SUCCEEDED", "output": json.dumps(OUTPUT)}


def report(request: str, stream: str) -> dict[str, Any]:
    message = (
        f"REPORT RequestId: {request}\tDuration: 1000.00 ms\tBilled Duration: 1100 ms\tMemory Size: 3008 MB\t"
        "Max Memory Used: 400 MB\tInit Duration: 99.50 ms\t\n"
    )
    return {"logStreamName": stream, "timestamp": 1, "message": message}


def history(*names: str) -> list[dict[str, Any]]:
    """An execution that entered these states, a second apart."""
    kinds = {"RunRanks": "Map"}
    return [
        {
            "type": f"{kinds.get(name, 'Task')}StateEntered",
            "timestamp": STARTED + timedelta(seconds=second),
            "stateEnteredEventDetails": {"name": name},
        }
        for second, name in enumerate(names)
    ]


def options(tmp_path: Path, *, repetitions: int = 2, memory_mb: int | None = None, **more: Any) -> Options:  # noqa: ANN401 - any of the dataclass's fields
    payload = tmp_path / "mine.json"
    payload.write_text(json.dumps({"bucket": "state", "world_size": "2", "script": "/tmp/s.py"}))
    plan = Plan((Setting(memory_mb=memory_mb),), repetitions, source="mine")
    return Options(plan, tmp_path / "out", Input(payload=payload), **more)
