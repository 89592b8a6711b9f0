"""A function travels by value, and its program runs without what lies beside it here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest

from cosmic_fmi.api.errors import FunctionError
from cosmic_fmi.api.function import name_of, wants_communicator, write_program
from cosmic_fmi.api.on_rank import RAISED, RETURNED
from cosmic_fmi.experiment.paths import REPOSITORY

if TYPE_CHECKING:
    from fmi import Communicator

WEIGHT = 5


@dataclass(frozen=True)
class Star:
    magnitude: float


def brighter(star: Star, by: float = 1.0) -> Star:
    return Star(helped(star.magnitude) - by)


def helped(value: float) -> float:
    return value * WEIGHT


def broken(value: float) -> float:
    return helped(value) / 0


def on_rank(folder: Path, call: Mapping[str, Any], *, rank: int = 0, size: int = 1) -> Path:
    """Run the program as a rank does, in a folder from which these tests cannot be imported."""
    program, output = folder / "program", folder / f"output-{rank}"
    if not program.exists():
        write_program(program, call)
    output.mkdir()
    paths = folder / "installed"
    if not paths.exists():
        paths.mkdir()
        for name in ("fmi", "cosmic_fmi"):
            (paths / name).symlink_to(REPOSITORY / name)
    subprocess.run(
        [sys.executable, "-P", str(program / "main.py")],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(program), str(paths)]),
            "OUTPUT_PATH": str(output),
            "RANK": str(rank),
            "WORLD_SIZE": str(size),
        },
        check=False,
        capture_output=True,
        timeout=60,
    )
    return output


def called(function: Callable[..., object], *args: object, **kwargs: object) -> dict[str, Any]:
    return {"function": function, "args": args, "kwargs": kwargs, "talks": False}


def test_it_brings_what_it_uses(tmp_path: Path) -> None:
    output = on_rank(tmp_path, called(brighter, Star(2.0), by=3.0))
    returned = cloudpickle.loads((output / RETURNED).read_bytes())
    assert returned == Star(7.0)
    assert type(returned) is Star


def test_items_are_dealt_out(tmp_path: Path) -> None:
    call = {"function": lambda x: x * WEIGHT, "items": list(range(5))}
    shares = [
        cloudpickle.loads((on_rank(tmp_path, call, rank=rank, size=2) / RETURNED).read_bytes())
        for rank in range(2)
    ]
    assert shares == [[0, 10, 20], [5, 15]]


def test_a_traceback_has_the_lines_of_this_file(tmp_path: Path) -> None:
    output = on_rank(tmp_path, called(broken, 2))
    said = json.loads((output / RAISED).read_text())
    assert not (output / RETURNED).exists()
    assert (said["type"], said["message"], said["is_fmi"]) == ("ZeroDivisionError", "division by zero", False)
    assert f'File "{__file__}"' in said["traceback"]
    assert "return helped(value) / 0" in said["traceback"]


def test_what_a_rank_cannot_return_is_its_error(tmp_path: Path) -> None:
    output = on_rank(tmp_path, called(lambda: __import__("threading").Lock()))
    assert json.loads((output / RAISED).read_text())["type"] == "TypeError"


def test_what_cannot_travel_is_a_sentence(tmp_path: Path) -> None:
    lock = threading.Lock()

    def locked() -> object:
        return lock

    with pytest.raises(FunctionError, match=r"locked cannot be sent to the ranks .* inside locked$"):
        write_program(tmp_path / "program", called(locked))
    assert not (tmp_path / "program").exists()


def test_cloudpickle_is_left_as_it_was(tmp_path: Path) -> None:
    before = cloudpickle.list_registry_pickle_by_value()
    write_program(tmp_path / "program", called(helped, 1))
    assert cloudpickle.list_registry_pickle_by_value() == before


def test_the_first_parameter_asks_for_the_communicator() -> None:
    def talks(comm: Communicator, more: int) -> None: ...

    assert wants_communicator(talks)
    assert not wants_communicator(helped)
    assert not wants_communicator(max)


def test_names_are_those_of_runs() -> None:
    assert name_of(helped) == "helped"
    assert name_of(lambda: 1) == "lambda"
