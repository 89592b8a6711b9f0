"""The three shapes of input, and what each mistake in one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosmic_fmi.experiment.cost.prices import load_prices
from cosmic_fmi.experiment.execution.collect import collect
from cosmic_fmi.experiment.execution.runner import Execution, Runner, new_execution_id
from cosmic_fmi.experiment.paths import REPOSITORY
from cosmic_fmi.experiment.plan.plan import RunSpec
from cosmic_fmi.experiment.ui.console import Reporter
from tests.e2e.support.stack import Stack

HELLO = """
from fmilib.fmi_operations import fmi_communicator
import fmi, os
rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
comm = fmi_communicator(size, rank)
total = comm.allreduce(rank + 1, fmi.func(fmi.op.sum), fmi.types(fmi.datatypes.int))
assert total == size * (size + 1) // 2, total
print(f"hello from rank {rank} of {size}: {total}")
"""
SHARED = """
import os
assert open(os.environ["DATA_PATH"]).read() == "galaxies"
"""


@pytest.mark.parametrize("object_type", ["script", "file"])
def test_world_of_one_script(stack: Stack, tmp_path: Path, object_type: str) -> None:
    stack.put("scripts/hello.py", HELLO)
    done, row = stack.run_payload(
        tmp_path,
        world_size="3",
        object_type=object_type,
        S3_object_name="scripts/hello.py",
        script="/tmp/scripts/hello.py",
    )
    assert done.returncode == 0, done.stdout
    assert (row["status"], row["mode"], row["world_size"]) == ("succeeded", "script", 3)


def test_the_readme_s_own_script(stack: Stack, tmp_path: Path) -> None:
    [_, code] = (REPOSITORY / "README.md").read_text().split("```python\n")
    script = tmp_path / "hello.py"
    script.write_text(code.split("```")[0])
    done = stack.experiment(tmp_path / "out", "--script", str(script), "--world-size", "3")
    assert done.returncode == 0, done.stdout
    for rank in range(3):
        line = f"rank {rank} of 3: the sum is 6"
        assert f"[{rank}] {line}" in done.stdout
        assert (tmp_path / "out" / "logs" / "hello-w3-1" / f"{rank}.log").read_text() == f"{line}\n"


def test_folder_with_data_path(stack: Stack, tmp_path: Path) -> None:
    stack.put("scripts/Anomaly Detection/Inference/inference.py", SHARED)
    stack.put("scripts/Anomaly Detection/Inference/resized_inference.pt", "galaxies")
    done, row = stack.run_payload(
        tmp_path,
        world_size="2",
        object_type="folder",
        S3_object_name="scripts/Anomaly Detection",
        data_path="/tmp/scripts/Anomaly Detection/Inference/resized_inference.pt",
        script="/tmp/scripts/Anomaly Detection/Inference/inference.py",
    )
    assert done.returncode == 0, done.stdout
    assert row["status"] == "succeeded"


FOLDER = {"object_type": "folder", "S3_object_name": "lab", "script": "/tmp/lab/run.py", "world_size": "1"}


def test_a_mistake_is_one_sentence(stack: Stack, tmp_path: Path) -> None:
    stack.put("lab/run.py", "print('fine')")
    done, row = stack.run_payload(tmp_path, **{**FOLDER, "script": "/tmp/elsewhere/run.py"})
    assert done.returncode == 1, done.stdout
    assert row["status"] == "failed"
    assert "/tmp/elsewhere/run.py" in row["error"]
    assert row["error"] in done.stdout.replace("\n", " ")
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"script": None}, "script"),
        ({"world_size": "0"}, "world_size"),
        ({"world_size": "many"}, "world_size"),
        ({"bucket": "no-such-bucket-anywhere"}, "no-such-bucket-anywhere"),
        ({"S3_object_name": "nothing", "script": "/tmp/nothing/run.py"}, "nothing"),
        ({"world_size": "5000"}, "5000"),
        ({"data_prefix": "no/such/partitions"}, "no/such/partitions"),
    ],
)
def test_so_is_every_other(stack: Stack, change: dict[str, str | None], says: str) -> None:
    """Whatever a command loads and draws is left out: what it would show is the row."""
    stack.put("lab/run.py", "print('fine')")
    payload = {"bucket": stack.deployment.bucket, **FOLDER, **change}
    given = {key: value for key, value in payload.items() if value is not None}
    spec, memory_mb = RunSpec(1, None), stack.deployment.executor_memory_mb
    execution = Execution(spec, new_execution_id(spec), given, memory_mb)
    finished = Runner(stack.target, stack.deployment, Reporter()).run(execution)
    row = collect(stack.target, stack.deployment, finished, load_prices()).row
    assert row["status"] == "failed"
    assert row["error"] is not None
    assert says in row["error"]
    assert "\n" not in row["error"].strip()


def test_bad_arguments_exit_2(stack: Stack, tmp_path: Path) -> None:
    done = stack.experiment(tmp_path / "out", "--world-size", "none")
    assert done.returncode == 2
    assert not (tmp_path / "out").exists()
