"""Ctrl-C while a command makes galaxies, which takes most of its time, ends it without a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PRESSED = """
import runpy, signal, sys
from inference.survey import synthetic
synthetic.observe = lambda *_: signal.raise_signal(signal.SIGINT)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(
    "command",
    [
        "scripts/make_sample.py",
        "inference/survey/figures.py",
        "inference/baselines.py",
        "scripts/pretrain.py",
    ],
)
def test_ctrl_c_is_no_traceback(command: str, tmp_path: Path) -> None:
    output = [] if "baselines" in command else ["--output", str(tmp_path / "sample.pt")]
    done = subprocess.run(
        [sys.executable, "-c", PRESSED, str(ROOT / command), *output],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 130
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Interrupted")
