"""One rank of a world: its share of the galaxies, from the environment to its result in S3.

    run.py       the whole of it         environment.py   what the executor says
    reduce.py    metrics of the world    _fmi_world.py    a world over FMI
    judge.py     what is not believed
    results.py   what is written         resume.py        what an earlier attempt left

`main` is what the bundle's script calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.rank.run import main

__all__ = ["main"]


def __getattr__(name: str) -> object:
    """Import `main` when it is asked for: others need one module of this package, not all of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from inference.rank import run  # noqa: PLC0415

    return getattr(run, name)
