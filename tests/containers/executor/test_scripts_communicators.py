"""Scripts meet with nothing but what the executor set: no fmi.json in their bundle, or somebody else's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from containers.executor import outcomes
from containers.executor.handlers import execute
from tests.containers.executor.conftest import ATTEMPT, BUCKET
from tests.containers.executor.handlers.test_execute import event
from tests.fmi.support.worlds import ServerThread, serving

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ROOT = Path(__file__).parents[3]
SECRET = "0123456789abcdef" * 4
RANK = """
import json, sys, types
from containers.executor.handlers import execute
context = types.SimpleNamespace(
    aws_request_id="request-1", log_stream_name="stream-1", get_remaining_time_in_millis=lambda: 60_000
)
execute.handler(json.load(sys.stdin), context)
"""
SUM = """
total = comm.allreduce(rank + 1, fmi.func(fmi.op.sum), fmi.types(fmi.datatypes.int))
print(rank, size, total)
"""
HEAD = """
import os, fmi
rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
"""
BY_FILE_NAME = HEAD + 'comm = fmi.Communicator(rank, size, "fmi.json", "fmi_pair", 512)' + SUM
BY_FMILIB = HEAD + (
    "from fmilib.fmi_operations import fmi_communicator\ncomm = fmi_communicator(size, rank)" + SUM
)
OWN_FMILIB = """
import fmi
def fmi_communicator(world_size, rank):
    print("the folder's own")
    return fmi.Communicator(int(rank), int(world_size), "fmi.json", "fmi_pair", 512)
"""


@pytest.fixture
def server() -> Iterator[ServerThread]:
    with serving() as running:
        yield running


def start(order: dict[str, object], folder: Path) -> subprocess.Popen[str]:
    """The real handler in a process of its own."""
    with (folder / "event.json").open("w+") as written:
        json.dump(order, written)
        written.seek(0)
        return subprocess.Popen(
            [sys.executable, "-c", RANK],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(folder)},
            stdin=written,
            stderr=subprocess.PIPE,
            text=True,
        )


def world(s3: S3Client, files: dict[str, str], server: ServerThread, tmp_path: Path) -> list[list[str]]:
    """What the ranks of a world of two print, each with a /tmp of its own."""
    for name, source in files.items():
        s3.put_object(Bucket=BUCKET, Key=f"my bundle/{name}", Body=source.encode())
    place = {"host": server.address.host, "port": server.address.port}
    fmi = {"comm_name": "run-7", "secret": SECRET, "rendezvous_host": None, "rendezvous_port": None}
    processes = []
    for rank in range(2):
        folder = tmp_path / str(rank)
        folder.mkdir()
        order = event(rank=rank, world_size=2, script="/tmp/my bundle/Inference/main.py", fmi=fmi)
        processes.append(start({**order, "rendezvous": place}, folder))
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    return [outcomes.read(BUCKET, ATTEMPT, rank).output_tail for rank in range(2)]


@pytest.mark.parametrize("source", [BY_FILE_NAME, BY_FMILIB], ids=["Communicator", "fmilib"])
def test_without_an_fmi_json_in_the_bundle(
    s3: S3Client, server: ServerThread, tmp_path: Path, source: str
) -> None:
    printed = world(s3, {"Inference/main.py": source}, server, tmp_path)
    assert printed == [["0 2 3"], ["1 2 3"]]


@pytest.mark.parametrize("place", ["fmi.json", "Inference/fmi.json"])
def test_the_course_s_host_in_an_fmi_json_does_not_matter(
    s3: S3Client, server: ServerThread, tmp_path: Path, place: str
) -> None:
    direct = {"enabled": "true", "host": "rendezvous.example.org", "port": 10000, "max_timeout": 20_000}
    files = {"Inference/main.py": BY_FILE_NAME, place: json.dumps({"backends": {"Direct": direct}})}
    printed = world(s3, files, server, tmp_path)
    assert [lines[-1] for lines in printed] == ["0 2 3", "1 2 3"]


@pytest.mark.parametrize("folder", ["fmilib", "Inference/fmilib"])
def test_a_folder_with_an_fmilib_of_its_own(
    s3: S3Client, server: ServerThread, tmp_path: Path, folder: str
) -> None:
    files = {
        "Inference/main.py": BY_FMILIB,
        f"{folder}/__init__.py": "",
        f"{folder}/fmi_operations.py": OWN_FMILIB,
    }
    printed = world(s3, files, server, tmp_path)
    assert printed == [["the folder's own", "0 2 3"], ["the folder's own", "1 2 3"]]


def test_where_a_script_finds_what_the_executor_says(
    s3: S3Client, context: SimpleNamespace, tmp_path: Path
) -> None:
    source = (
        "import json, os, pathlib\nprint(os.getcwd())\nprint(os.environ['SCRIPT'])\n"
        "direct = json.loads(pathlib.Path(os.environ['FMI_CONFIG']).read_text())['backends']['Direct']\n"
        "print(direct['host'] == os.environ['RENDEZVOUS_HOST'], direct['port'])"
    )
    s3.put_object(Bucket=BUCKET, Key="my bundle/Inference/main.py", Body=source.encode())
    order = event(script="/tmp/my bundle/Inference/main.py", rendezvous={"host": "10.1.2.3", "port": 10001})
    execute.handler(order, context)
    folder = tmp_path / "my bundle" / "Inference"
    assert outcomes.read(BUCKET, ATTEMPT, 0).output_tail == [
        str(folder),
        str(folder / "main.py"),
        "True 10001",
    ]
