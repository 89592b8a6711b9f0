"""docs/tutorial.ipynb runs from start to end on results, in the project's environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from cosmic_fmi.experiment.results.folder import Summary
from cosmic_fmi.experiment.results.record import RunRecord
from tests.cosmic_fmi.experiment.support import rows
from tests.cosmic_fmi.experiment.support.sweeps import sweep

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    summary = Summary(tmp_path / "results")
    summary.prepare()
    summary.rows, summary.ranks = sweep(worlds=(1, 2, 4), repetitions=3)
    latest = max(summary.rows, key=lambda row: row["started_at"])
    summary.add(RunRecord(latest, [], rows.predictions(latest["run_id"], 50)))
    return summary.folder


def execute(results: Path, done: Path) -> subprocess.CompletedProcess[str]:
    """Execute the notebook by a kernel of this interpreter, and write it with its output.

    But for the cells that run a world, which tests/e2e/api has a deployment for.
    """
    script = (
        "import sys, nbformat\nfrom nbclient import NotebookClient\n"
        "notebook = nbformat.read(sys.argv[1], 4)\n"
        "notebook.cells = [cell for cell in notebook.cells if 'world' not in cell.metadata.get('tags', [])]\n"
        "client = NotebookClient(notebook, timeout=120, resources={'metadata': {'path': sys.argv[3]}})\n"
        "client.execute()\nnbformat.write(notebook, sys.argv[2])\n"
    )
    names = ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")
    folders = {name: str(done.with_name(name)) for name in names}
    environment = {**os.environ, **folders, "COSMIC_RESULTS": str(results), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, str(NOTEBOOK), str(done), str(NOTEBOOK.parent)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


def test_it_runs_and_draws(tmp_path: Path, results: Path) -> None:
    ended = execute(results, tmp_path / "done.ipynb")
    assert ended.returncode == 0, ended.stderr[-3000:]
    done = nbformat.read(tmp_path / "done.ipynb", 4)  # type: ignore[no-untyped-call]
    cells = [cell for cell in done.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    drawn = [output for output in outputs if "image/png" in output.get("data", {})]
    text = "".join(output.get("text", "") for output in outputs)
    assert len(drawn) == 3
    assert "9 executions, 9 to look at, in results" in text
    assert "50 galaxies: MAE 0.0100" in text
    assert "From 9 runs on AWS" in text
    assert not [
        output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"
    ]


def test_it_uses_only_the_public_interface_and_has_exercises() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert "import cosmic_fmi\n" in code
    assert "cosmic_fmi.experiment" not in code
    assert "from cosmic_fmi" not in code
    words = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    parts = words.count("\n## ") + words.startswith("## ") - 1  # the last says how to go on
    assert words.count("**Exercise ") >= parts


def test_it_is_kept_without_output_and_without_paths_of_a_machine() -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert all(
        path not in NOTEBOOK.read_text() for path in ("/home/", "/Users/", "/root/", "/work/", str(ROOT))
    )
