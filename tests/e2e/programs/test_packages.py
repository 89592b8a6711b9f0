"""A script with packages that the functions lack, over the whole chain."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cosmic_fmi.experiment.support.wheels import only_from, source, wheel
from tests.e2e.support.stack import Stack

SCRIPT = """
import os, subprocess, sys
import fmi, sky
from fmilib.fmi_operations import fmi_communicator
rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
comm = fmi_communicator(size, rank)
total = comm.allreduce(sky.HEIGHT, fmi.func(fmi.op.sum), fmi.types(fmi.datatypes.int))
child = subprocess.check_output([sys.executable, "-c", "import sky; print(sky.HEIGHT)"], text=True)
print(f"rank {rank}: {total}, and {child.strip()} in a subprocess")
"""


def test_both_ranks_import_a_package_and_the_next_execution_does_not(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_from(tmp_path, monkeypatch)
    wheel(tmp_path, "sky", needs=["numpy"], files={"sky/__init__.py": "HEIGHT = 21"})
    script, requirements = tmp_path / "run.py", tmp_path / "requirements.txt"
    script.write_text(SCRIPT)
    requirements.write_text("sky\n")
    arguments = ("--script", str(script), "--world-size", "2")
    done = stack.experiment(tmp_path / "out", *arguments, "--requirements", str(requirements))
    assert done.returncode == 0, done.stdout
    assert "Installing 1 package for the functions: sky 1.0" in done.stdout
    for rank in range(2):
        assert f"[{rank}] rank {rank}: 42, and 21 in a subprocess" in done.stdout
    again = stack.experiment(tmp_path / "out", "--resume", "--runs", "2")
    assert again.returncode == 0, again.stdout
    assert "Installing" not in again.stdout
    without = stack.experiment(tmp_path / "without", *arguments)
    assert without.returncode == 1
    assert "neither the image nor the bundle has: sky (run.py)" in without.stdout.replace("\n", " ")


def test_what_only_this_machine_has_is_refused_as_on_aws(stack: Stack, tmp_path: Path) -> None:
    """The tool itself needs Matplotlib, and the image lacks it."""
    script = tmp_path / "run.py"
    script.write_text("import matplotlib")
    done = stack.experiment(tmp_path / "out", "--script", str(script), "--world-size", "1")
    assert done.returncode == 1
    assert "neither the image nor the bundle has: matplotlib (run.py)" in done.stdout.replace("\n", " ")
    script.write_text("if True:\n    import matplotlib")  # what Initialize leaves to the rank
    done = stack.experiment(tmp_path / "again", "--script", str(script), "--world-size", "1")
    assert "ModuleNotFoundError: No module named 'matplotlib'" in done.stdout


def test_what_cannot_be_brought_is_one_sentence(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_from(tmp_path, monkeypatch)
    source(tmp_path, "comet")
    script, requirements = tmp_path / "run.py", tmp_path / "requirements.txt"
    script.write_text("import comet")
    requirements.write_text("comet\n")
    done = stack.experiment(
        tmp_path / "out", "--script", str(script), "--requirements", str(requirements), "--world-size", "1"
    )
    assert done.returncode == 1
    assert "Error: comet would have to be compiled for the functions" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
