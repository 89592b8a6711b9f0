"""A deployment on an embedded AWS, and the command line on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_fmi.experiment.paths import REPOSITORY
from cosmic_fmi.experiment.targets.deployment import Deployment
from cosmic_fmi.experiment.targets.local import LocalTarget
from cosmic_fmi.localcloud.client import EmbeddedAWS

COMMAND = [sys.executable, str(REPOSITORY / "scripts" / "run_experiment.py")]


@dataclass(frozen=True)
class Stack:
    """A deployment on an embedded AWS, shared by the tests of this folder."""

    state: Path
    target: LocalTarget
    deployment: Deployment

    @property
    def cloud(self) -> EmbeddedAWS:
        """The embedded AWS itself."""
        cloud = EmbeddedAWS.attach(self.state / "localcloud")
        assert cloud is not None
        return cloud

    @property
    def terraform_state(self) -> Path:
        """The state file of the deployment."""
        [path] = self.state.glob("stack-*/terraform.tfstate")
        return path

    def environment(self) -> dict[str, str]:
        """What a shell needs so that the scripts find this embedded AWS instead of the repository's own."""
        return {**os.environ, "COSMIC_STATE": str(self.state), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}

    def put(self, key: str, body: str) -> None:
        """Write an object into the deployment's bucket."""
        self.target.clients.s3.put_object(Bucket=self.deployment.bucket, Key=key, Body=body.encode())

    def read_json(self, key: str) -> Any:  # noqa: ANN401
        """Parse an object of the deployment's bucket."""
        return json.loads(
            self.target.clients.s3.get_object(Bucket=self.deployment.bucket, Key=key)["Body"].read()
        )

    def keys(self, prefix: str) -> list[str]:
        """Keys below a prefix of the deployment's bucket."""
        found = self.target.clients.s3.list_objects_v2(Bucket=self.deployment.bucket, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", [])]

    def experiment(self, output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run scripts/run_experiment.py as a user would."""
        return subprocess.run(
            [*COMMAND, "--output", str(output), *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def run_payload(
        self, folder: Path, **payload: object
    ) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
        """Run one execution with this input; the process and its row of summary.json."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "payload.json"
        file.write_text(json.dumps({"bucket": self.deployment.bucket, **payload}))
        done = self.experiment(folder / "out", "--payload", str(file))
        rows = json.loads((folder / "out" / "summary.json").read_text())
        return done, rows[0]


def interrupt(process: subprocess.Popen[str]) -> None:
    """What Ctrl-C does: SIGINT to the whole foreground group."""
    os.killpg(process.pid, signal.SIGINT)


def client(stack: Stack, service: str) -> Any:  # noqa: ANN401
    """A client for a service that experiments do not use."""
    return stack.target.clients._session.client(service, endpoint_url=stack.cloud.endpoint_url)  # type: ignore[call-overload]
