"""Cheap scientific computing on serverless functions.

    cli/          the command `cosmic-fmi` (__main__.py: `python -m cosmic_fmi`)
    api/          the Python interface: run, map, results and what they return and raise
    experiment/   runs executions on a target, and collects, bills, compares and reports them
    localcloud/   an AWS on this machine
    common/       what all packages of this project share

Imports go downwards: cli and api use experiment and localcloud, experiment uses localcloud, and all use
common.
Names of the Python interface are loaded when first used, so that a rank can import this package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosmic_fmi.api.errors import FunctionError, RankError, RunError
    from cosmic_fmi.api.finished import Run
    from cosmic_fmi.api.mapping import map_items as map
    from cosmic_fmi.api.results import Results, results
    from cosmic_fmi.api.running import run

_HOMES = {
    "FunctionError": ("errors", "FunctionError"),
    "RankError": ("errors", "RankError"),
    "Results": ("results", "Results"),
    "Run": ("finished", "Run"),
    "RunError": ("errors", "RunError"),
    "map": ("mapping", "map_items"),
    "results": ("results", "results"),
    "run": ("running", "run"),
}
__all__ = ["FunctionError", "RankError", "Results", "Run", "RunError", "map", "results", "run"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, own_name = _HOMES[name]
    found: object = getattr(importlib.import_module(f"{__name__}.api.{module}"), own_name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
