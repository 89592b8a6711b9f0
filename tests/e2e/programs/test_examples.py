"""The programs of examples/ print what docs/examples.md says, each by the one command that stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cosmic_fmi.experiment.paths import REPOSITORY
from tests.e2e.support.stack import Stack

PAGE = (REPOSITORY / "docs" / "examples.md").read_text()
EXAMPLES = re.findall(
    r"^    \.venv/bin/cosmic-fmi (run examples/.*)\n\n```text\n((?:.*\n)+?)```", PAGE, re.MULTILINE
)
FILES = {
    "pi": ["0/result.json"],
    "matmul": [f"{rank}/rows-{150 * rank}.npy" for rank in range(4)],
    "means": ["0/means.csv"],
    "program": ["0/kinds.json", "1/kinds.json"],
    "plate": ["0/plate.pgm"],
}


def test_every_example_is_on_the_page() -> None:
    folders = {path.name for path in (REPOSITORY / "examples").iterdir() if path.is_dir()}
    assert folders == {command.split()[1].split("/")[1] for command, _ in EXAMPLES}


@pytest.mark.parametrize(("command", "output"), EXAMPLES, ids=[one.split()[1] for one, _ in EXAMPLES])
def test_an_example(stack: Stack, tmp_path: Path, command: str, output: str) -> None:
    words, out = shlex.split(command), tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-m", "cosmic_fmi", *words[:2], "--output", str(out), *words[2:]],
        cwd=REPOSITORY,
        env=stack.environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line for line in output.splitlines() if line.startswith("[")]
    assert said
    # Ranks print at the same time, so that only the order of each one's lines is the same every time.
    printed = done.stdout.splitlines()
    for rank in {line.partition("]")[0] for line in said}:
        mine = [line for line in printed if line.startswith(f"{rank}] ")]
        assert mine == [line for line in said if line.startswith(f"{rank}] ")]
    [run] = (out / "files").iterdir()
    found = sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())
    assert found == FILES[run.name.partition("-")[0]]
