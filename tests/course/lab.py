"""A deployment with the course's folder in it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_fmi.experiment.execution.runner import Execution, Runner, new_execution_id
from cosmic_fmi.experiment.plan.plan import RunSpec
from cosmic_fmi.experiment.ui.console import Reporter
from tests.course.folder import Course
from tests.e2e.support.stack import COMMAND, Stack


@dataclass(frozen=True)
class Lab:
    """A deployment with the course's folder in the buckets that stand in its scripts."""

    course: Course
    stack: Stack
    bundle: Path

    def run(self, folder: Path, payload: dict[str, Any], *more: str) -> tuple[str, dict[str, Any]]:
        """Run one execution as a user would; what was printed, and its row of summary.json."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "payload.json").write_text(json.dumps(payload))
        command = [
            *COMMAND,
            "--payload",
            str(folder / "payload.json"),
            "--output",
            str(folder / "out"),
            *more,
        ]
        done = subprocess.run(
            command, env=self.stack.environment(), capture_output=True, text=True, timeout=800, check=False
        )
        printed = done.stdout + done.stderr
        assert (folder / "out" / "summary.json").is_file(), printed
        [row] = json.loads((folder / "out" / "summary.json").read_text())
        return printed, row

    def read(self, bucket: str, key: str) -> Any:  # noqa: ANN401
        """Parse an object."""
        return json.loads(self.stack.target.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def execute(self, payload: dict[str, Any]) -> None:
        """Run one execution without a report, which has to succeed."""
        spec, deployment = RunSpec(), self.stack.deployment
        execution = Execution(spec, new_execution_id(spec), payload, deployment.executor_memory_mb)
        finished = Runner(self.stack.target, deployment, Reporter()).run(execution)
        assert finished.status == "succeeded", finished.failure
