"""Libraries that only the readers of some formats need."""

import importlib
from typing import Any

from cosmic_fmi.common.extra import install
from inference.core.errors import DataError


def need(module: str, kind: str) -> Any:  # noqa: ANN401 - a module
    """The module, or a DataError that says how to install it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        library = module.partition(".")[0]
        raise DataError(f"{kind} are read with {library}, which is missing: {install('data')}") from error
