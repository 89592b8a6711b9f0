"""mpi4py on Open MPI and fmi run the same program and come to the same results."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fmi
from fmi.protocol.objects import decode
from tests.fmi.support.mpi_calls import Sides, everything
from tests.fmi.support.worlds import World

SIZE = 4


def mpiexec() -> str | None:
    """The one that came with mpi4py's Open MPI, else the system's."""
    own = Path(sys.executable).with_name("mpiexec")
    return str(own) if own.exists() else shutil.which("mpiexec")


def oracle(directory: Path) -> list[Any]:
    """What each rank of mpi4py got."""
    launcher = mpiexec()
    assert launcher
    settings = {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    }
    command = [launcher, "-n", str(SIZE), sys.executable, "-m", "tests.fmi.support.mpi_calls", str(directory)]
    result = subprocess.run(
        command, env=os.environ | settings, capture_output=True, text=True, timeout=90, check=False
    )
    assert result.returncode == 0, result.stderr
    return [decode(memoryview((directory / str(rank)).read_bytes())) for rank in range(SIZE)]


def assert_same(found: Any, expected: Any) -> None:  # noqa: ANN401
    assert type(found) is type(expected)
    if isinstance(found, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    elif isinstance(found, list | tuple):
        for left, right in zip(found, expected, strict=True):
            assert_same(left, right)
    else:
        assert found == expected


@pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or mpiexec() is None,
    reason="mpi4py and Open MPI are not installed (pip install '.[bench]')",
)
def test_the_same_program_comes_to_the_same_results(kept_worlds: dict[int, World], tmp_path: Path) -> None:
    ours = kept_worlds[SIZE].run(lambda comm: everything(comm, Sides(fmi)))
    for rank, (found, expected) in enumerate(zip(ours, oracle(tmp_path), strict=True)):
        try:
            assert_same(found, expected)
        except AssertionError as error:
            raise AssertionError(f"rank {rank}: {error}") from error
