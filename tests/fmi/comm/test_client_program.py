"""A program written for the original FMI, as processes of their own, in worlds of 2, 4 and 8.

What is expected is computed here from what the original does: where a function commutes and is associative it
combines along a binomial tree, else strictly from rank 0 on.
"""

from __future__ import annotations

import functools
import itertools
import json
import operator
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fmi.protocol.tcpunch import Address
from tests.fmi.support import client_program
from tests.fmi.support.client_program import FUNCTIONS, KINDS, value
from tests.fmi.support.worlds import PATIENCE_S, SECRET

PROGRAM = Path(client_program.__file__)
ROOT = PROGRAM.parents[3]
Numbers = Sequence[float]
Step = Callable[[float, float], float]

STEPS: dict[str, Step] = {
    "sum": operator.add,
    "prod": operator.mul,
    "max": max,
    "min": min,
    "twice the sum": lambda a, b: 2 * a + 2 * b,
    "digits": lambda a, b: 3 * a + b,
}


def tree(step: Step, values: Numbers) -> float:
    """A power of two of values, neighbours first."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return step(tree(step, values[:half]), tree(step, values[half:]))


def combined(what: str, values: Numbers) -> float:
    """The first ranks' values, as the original combines them for a reduction or a scan."""
    step = STEPS[what]
    if what == "digits":
        return functools.reduce(step, values)
    blocks, start = [], 0
    while start < len(values):
        length = 1 << ((len(values) - start).bit_length() - 1)
        blocks.append(tree(step, values[start : start + length]))
        start += length
    return functools.reduce(step, blocks)


def expected_reduction(name: str, what: str, ranks: int) -> Any:  # noqa: ANN401
    """Element by element for the list types."""
    values = [value(name, rank) for rank in range(ranks)]
    if not isinstance(values[0], list):
        return combined(what, values)
    return [combined(what, column) for column in zip(*values, strict=True)]


def expected_of(rank: int, size: int) -> dict[str, Any]:
    results: dict[str, Any] = {"scatter ints": [rank], "scatter doubles": [rank, rank + 0.5]}
    for name in KINDS:
        if rank == size - 1:
            results[f"recv {name}"] = value(name, 0)
        results[f"bcast {name}"] = value(name, 0)
        everything = [value(name, other) for other in range(size)]
        is_list = isinstance(everything[0], list)
        flat = list(itertools.chain(*everything)) if is_list else everything
        results[f"gather {name}"] = flat if rank == 0 else None
        for what in FUNCTIONS:
            whole = expected_reduction(name, what, size)
            results[f"reduce {name} {what}"] = whole if rank == 0 else None
            results[f"allreduce {name} {what}"] = whole
            results[f"scan {name} {what}"] = expected_reduction(name, what, rank + 1)
    return results


def start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "FMI_SECRET": SECRET}
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("size", [2, 4, 8])
def test_every_call_returns_what_the_original_returns(address: Address, tmp_path: Path, size: int) -> None:
    direct = {"enabled": True, "host": address.host, "port": address.port, "max_timeout": 20_000}
    (tmp_path / "config").mkdir()
    (tmp_path / "config/fmi.json").write_text(json.dumps({"backends": {"Direct": direct}}))
    processes = [start(tmp_path, size, rank) for rank in range(size)]
    outputs = [process.communicate(timeout=PATIENCE_S)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * size
    for rank, output in enumerate(outputs):
        assert json.loads(output) == expected_of(rank, size)
