"""A test that fails shows what the embedded AWS and Terraform said meanwhile, whoever started them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cosmic_fmi.experiment.paths import REPOSITORY

TESTS = """
import json, signal
import pytest

@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    state = tmp_path_factory.mktemp("state")
    (state / "localcloud").mkdir()
    (state / "localcloud" / "localcloud.log").write_text("the daemon is at a loss")
    (state / "stack-1").mkdir()
    line = {"@timestamp": "12:00:00", "@message": "zone: Still creating..."}
    (state / "stack-1" / "terraform.log").write_text(json.dumps(line))
    signal.pause()

@pytest.mark.timeout(0.5)
def test_of_a_deployment(prepared):
    pass
"""


def test_a_fixture_that_times_out_shows_the_ends_of_the_logs(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.conftest",
            "-n1",
            f"--basetemp={tmp_path / 'base'}",
            "test_it.py",
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Failed: Timeout" in done.stdout, done.stdout + done.stderr
    assert "the daemon is at a loss" in done.stdout
    assert "12:00:00 zone: Still creating..." in done.stdout
