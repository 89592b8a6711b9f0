"""`from fmilib.fmi_operations import fmi_communicator`, as the course's scripts do it."""

from __future__ import annotations

import os

import fmi


def fmi_communicator(world_size: int | str | None = None, rank: int | str | None = None) -> fmi.Communicator:
    """A communicator from the environment (see `fmi.from_env`).

    World size and rank, numbers or strings, win over WORLD_SIZE and RANK.
    Raises fmi.ConfigError with one sentence that says what to change.
    """
    given = {"WORLD_SIZE": world_size, "RANK": rank}
    return fmi.from_env(
        {**os.environ, **{name: str(value) for name, value in given.items() if value is not None}}
    )
