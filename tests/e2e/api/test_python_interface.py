"""cosmic_fmi.run and cosmic_fmi.map on the embedded AWS, as a program and as a notebook use them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import cosmic_fmi
import fmi
from cosmic_fmi.api.request import Given
from cosmic_fmi.experiment.paths import REPOSITORY
from cosmic_fmi.experiment.targets.local import LocalTarget
from tests.e2e.support.stack import Stack, interrupt

if TYPE_CHECKING:
    from fmi import Communicator

SCRIPT = """
import os, sys
from pathlib import Path
names = sorted(path.name for path in Path(os.environ["DATA_PATH"]).iterdir())
print(sys.argv[1:], os.environ["BAND"], names)
Path(os.environ["OUTPUT_PATH"], "names.txt").write_text(" ".join(names))
if "fail" in sys.argv:
    raise LookupError("no such band")
"""


def on(stack: Stack, folder: Path) -> Given:
    """Where to run, and where the results go. Its own target: a failed run ends what its target started."""
    return {"target": LocalTarget(state=stack.state), "output": folder / "out"}


def total(comm: Communicator, start: int, *, step: int) -> dict[str, object]:
    print(f"hello from {comm.rank}")
    Path(os.environ["OUTPUT_PATH"], "rank.txt").write_text(str(comm.rank))
    found = comm.allreduce(start + step * comm.rank, fmi.SUM)
    return {"rank": comm.rank, "total": found, "array": np.arange(3) * comm.rank}


def test_a_function_on_a_world(stack: Stack, tmp_path: Path) -> None:
    run = cosmic_fmi.run(total, world_size=3, args=(10,), kwargs={"step": 2}, **on(stack, tmp_path))
    assert run.status == "succeeded"
    assert [value["rank"] for value in run.results] == [0, 1, 2]
    assert {value["total"] for value in run.results} == {36}
    assert run.results[2]["array"].tolist() == [0, 2, 4]
    assert {rank: lines[0] for rank, lines in run.output.items()} == {r: f"hello from {r}" for r in range(3)}
    assert [path.read_text() for paths in run.files.values() for path in paths] == ["0", "1", "2"]
    assert 0 < run.cost_usd < 0.01
    frame = run.to_pandas()
    assert list(frame.index) == [0, 1, 2]
    assert frame["result"][1]["rank"] == 1
    assert list(frame["status"]) == ["succeeded"] * 3


def test_map_keeps_the_order(stack: Stack, tmp_path: Path) -> None:
    factor = 3
    assert cosmic_fmi.map(lambda x: factor * x * x, range(10), **on(stack, tmp_path)) == [
        3 * x * x for x in range(10)
    ]


def inverse(x: int) -> float:
    return 1 / x


def test_the_rank_s_traceback_comes_here(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(cosmic_fmi.RankError, match="rank 1 of 2 failed: ZeroDivisionError") as raised:
        cosmic_fmi.map(inverse, [1, 0, 2], world_size=2, **on(stack, tmp_path))
    assert (raised.value.rank, raised.value.kind) == (1, "ZeroDivisionError")
    assert "return 1 / x" in raised.value.traceback  # with the line of this file
    assert "for item 1: 0" in raised.value.traceback
    assert raised.value.run.status == "failed"


def first_fails(comm: Communicator) -> None:
    if comm.rank == 2:
        raise KeyError("star")
    comm.barrier()


def test_the_cause_is_named_not_who_waited_for_it(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(cosmic_fmi.RankError) as raised:
        cosmic_fmi.run(first_fails, world_size=3, **on(stack, tmp_path))
    assert (raised.value.rank, raised.value.kind) == (2, "KeyError")


def program(folder: Path) -> Path:
    (folder / "data").mkdir()
    for number in range(3):
        (folder / "data" / f"{number}.csv").write_text(str(number))
    path = folder / "bands.py"
    path.write_text(SCRIPT)
    return path


def test_a_script_with_data(stack: Stack, tmp_path: Path) -> None:
    run = cosmic_fmi.run(
        program(tmp_path),
        world_size=2,
        args=("-n", 5),
        data=tmp_path / "data",
        env={"BAND": "r"},
        target=LocalTarget(state=stack.state),
        output=tmp_path / "out",
    )
    assert run.output == {0: ["['-n', '5'] r ['0.csv', '1.csv']"], 1: ["['-n', '5'] r ['2.csv']"]}
    assert [path.read_text() for path in run.files[0]] == ["0.csv 1.csv"]
    assert run.results == ()


def test_a_script_that_fails(stack: Stack, tmp_path: Path) -> None:
    run = partial(
        cosmic_fmi.run,
        program(tmp_path),
        world_size=2,
        args=["fail"],
        data=tmp_path / "data",
        env={"BAND": "r"},
        target=LocalTarget(state=stack.state),
    )
    with pytest.raises(cosmic_fmi.RankError, match="LookupError: no such band") as raised:
        run(output=tmp_path / "out")
    assert "no such band" in raised.value.traceback
    assert run(output=tmp_path / "again", check=False).status == "failed"


WAITS = """
import os
import boto3
import cosmic_fmi

def wait():
    print("here", flush=True)
    place = {{"Bucket": os.environ["S3_BUCKET"], "Key": "test/api-go"}}
    waiter = boto3.client("s3").get_waiter("object_exists")
    waiter.wait(**place, WaiterConfig={{"Delay": 1, "MaxAttempts": 100}})

cosmic_fmi.run(wait, world_size=2, output={output!r})
"""


def test_ctrl_c_stops_the_execution_and_the_command_goes_on(stack: Stack, tmp_path: Path) -> None:
    code = WAITS.format(output=str(tmp_path / "out"))
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env=stack.environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.endswith("] here\n"):
                break
        interrupt(running)
        rest = running.stderr.read()
    assert running.returncode in (-signal.SIGINT, 130)
    assert "To go on:" in rest
    assert rest.rstrip().endswith("KeyboardInterrupt")
    [run] = cosmic_fmi.results(tmp_path / "out").all_runs
    assert run.status == "aborted"
    stack.put("test/api-go", "")
    command = rest.split("To go on: ")[1].splitlines()[0]
    subprocess.run(shlex.split(command), cwd=REPOSITORY, env=stack.environment(), check=True, timeout=120)
    [run] = cosmic_fmi.results(tmp_path / "out").all_runs
    assert run.status == "succeeded"


TUTORIAL = REPOSITORY / "docs" / "tutorial.ipynb"


def test_the_tutorial_s_worlds_run_in_jupyter_with_bars(stack: Stack, tmp_path: Path) -> None:
    told = json.loads(TUTORIAL.read_text())["cells"]
    code = ["".join(cell["source"]) for cell in told if "world" in cell["metadata"].get("tags", [])]
    code = ["import numpy as np\nimport cosmic_fmi\nimport fmi", *code]
    empty: dict[str, object] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**empty, "id": str(index), "source": cell} for index, cell in enumerate(code)]
    path, done = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    script = (
        "import sys, nbformat\nfrom nbclient import NotebookClient\n"
        "notebook = nbformat.read(sys.argv[1], 4)\n"
        "NotebookClient(notebook, timeout=120, resources={'metadata': {'path': sys.argv[3]}}).execute()\n"
        "nbformat.write(notebook, sys.argv[2])\n"
    )
    names = ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")
    folders = {name: str(tmp_path / name) for name in names}
    environment = {**stack.environment(), **folders, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", script, str(path), str(done), str(tmp_path)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert ended.returncode == 0, ended.stderr[-3000:]
    outputs = [output for cell in json.loads(done.read_text())["cells"] for output in cell["outputs"]]
    pages = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
    bars = [page for page in pages if "<progress" in page]
    assert any('value="4" max="4"></progress> pi-w4-1 <small>succeeded' in bar for bar in bars), bars
    printed = "".join("".join(output.get("text", "")) for output in outputs)
    assert "[3.1" in printed
    assert "<Run pi-w4-1: succeeded, " in printed
    assert "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]" in printed
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_the_page_s_program_prints_what_the_page_says(stack: Stack, tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "python.md").read_text()
    (tmp_path / "darts.py").write_text(page.split("```python\n")[1].split("```")[0])
    printed = page.split("```text\n")[1].split("```")[0]
    done = subprocess.run(
        [sys.executable, "darts.py"],
        cwd=tmp_path,
        env={**stack.environment(), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == printed, done.stderr
    assert "Report: " in done.stderr
    assert len(list((tmp_path / "results").glob("*/report.html"))) == 2
