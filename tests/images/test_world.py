"""The whole chain with containers: state machine, functions, rendezvous task, FMI between two ranks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.images.conftest import ROOT, containers_of, docker


def script(name: str, *arguments: str, state: Path, status: int = 0) -> str:
    """What one of the repository's scripts prints."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / name), *arguments],
        env={**os.environ, "COSMIC_STATE": str(state)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_world_of_two_containers_and_nothing_left(built: dict[str, str], tmp_path: Path) -> None:
    state, output = tmp_path / "state", tmp_path / "results"
    script("run_experiment.py", "--containers", "--world-size", "2", "--output", str(output), state=state)
    try:
        summary = json.loads((output / "summary.json").read_text())
        rows = summary["runs"] if isinstance(summary, dict) else summary
        assert [(row["status"], row["world_size"], row["samples"]) for row in rows] == [
            ("succeeded", 2, 1253)
        ]
        table = pq.read_table(output / "predictions.parquet").to_pydict()
        assert set(table["rank"]) == {0, 1}
        refused = script("run_experiment.py", "--world-size", "2", state=state, status=1)
        assert "started with --containers and still runs: take it down with `make destroy`" in refused
        cloud = EmbeddedAWS.attach(state / "localcloud")
        assert cloud is not None
        used = {docker("inspect", "--format", "{{.Image}}", one) for one in containers_of(cloud)}
        assert used == set(built.values())  # functions and the rendezvous task
    finally:
        script("destroy.py", state=state)
    assert (
        docker("ps", "--all", "--quiet", "--filter", f"label=org.cosmic-fmi.localcloud={state}/localcloud")
        == ""
    )
