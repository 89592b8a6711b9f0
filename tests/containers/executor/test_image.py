"""The image without building it: what it installs, what it holds, what its handlers import."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cosmic_fmi.experiment.packages.platform import IMAGE_PYTHON

ROOT = Path(__file__).parents[3]
HERE = ROOT / "containers" / "executor"


def pins(path: Path) -> dict[str, str]:
    """The pinned versions of a requirements or constraints file."""
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", path.read_text(), re.MULTILINE))


def test_requirements_are_the_tested_versions() -> None:
    tested = {name.lower(): version for name, version in pins(ROOT / "constraints.txt").items()}
    wanted = pins(HERE / "requirements.txt")
    assert wanted
    assert {name: tested.get(name.lower()) for name in wanted} == wanted


def test_pip_checks_the_hash_of_every_file_that_is_not_from_the_index_of_torch() -> None:
    wanted = pins(HERE / "requirements.txt")
    del wanted["torch"]
    lock = HERE / "requirements.lock"
    locked = pins(lock)
    assert {name.lower(): version for name, version in wanted.items()} == {
        next(own.lower() for own in wanted if own.lower().replace("_", "-") == name): version
        for name, version in locked.items()
    }
    for text, count in [(lock.read_text(), len(locked)), ((HERE / "compiler.txt").read_text(), 1)]:
        entries = re.findall(
            r"^[\w.-]+==[^\n\\]+((?:\\\n +--hash=sha256:[0-9a-f]{64} ?)+)", text, re.MULTILINE
        )
        assert len(entries) == count
    installs = re.findall(r"-r (\S+)", (HERE / "Dockerfile").read_text())
    checked = re.findall(r"--require-hashes -r (\S+)", (HERE / "Dockerfile").read_text())
    assert set(installs) - set(checked) == {"/torch.txt"}


def test_packages_are_chosen_for_the_image_s_python() -> None:
    [python] = re.findall(
        r"^ARG BASE_IMAGE=\S+/python:(\S+?)-slim-bookworm$", (HERE / "Dockerfile").read_text(), re.M
    )
    assert IMAGE_PYTHON.rpartition(".")[0] == python


@pytest.mark.parametrize("folder", ["containers/executor", "cosmic_fmi/common", "fmi", "fmilib", "inference"])
def test_what_is_copied_is_sent_to_the_engine(folder: str) -> None:
    copied = re.findall(r"^COPY --chmod=755 (\w+) /var/task", (HERE / "Dockerfile").read_text(), re.MULTILINE)
    assert folder.split("/", maxsplit=1)[0] in copied
    assert f"!{folder}\n" in (HERE / "Dockerfile.dockerignore").read_text()


@pytest.mark.parametrize("name", ["executor", "rendezvous"])
def test_an_image_of_a_clone_that_only_its_owner_reads_can_be_read(name: str) -> None:
    last_stage = (ROOT / "containers" / name / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    copied = re.findall(r"^COPY (?!--from)(.*)", last_stage, re.MULTILINE)
    assert copied
    assert [line for line in copied if not line.startswith("--chmod=755 ")] == []


HANDLERS = ["initialize", "execute", "summarize", "publish_address", "find_rendezvous"]


@pytest.mark.parametrize("handler", HANDLERS)
def test_handlers_start_without_the_heavy_packages(handler: str) -> None:
    code = (
        f"import sys, containers.executor.handlers.{handler} as module\n"
        "assert callable(module.handler)\n"
        "heavy = {'torch', 'numpy', 'pyarrow', 'onnxruntime', 'fmi.comm.communicator'} & set(sys.modules)\n"
        "sys.exit(f'imports {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
