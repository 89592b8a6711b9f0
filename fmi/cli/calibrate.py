"""Measures the model's constants between two ranks and writes them into an fmi.json."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fmi.channels.cost_model import number
from fmi.cli.programs import one_way
from fmi.comm.communicator import Communicator
from fmi.config import DEFAULT_PATH, Source, load, parts
from fmi.errors import ConfigError

SMALL_BYTES = 8
LARGE_BYTES = 8 << 20


def constants_of(comm: Communicator) -> dict[str, float]:
    """Overhead (ms) and bandwidth (MB/s) between ranks 0 and 1, on rank 0."""
    small, large = one_way(comm, SMALL_BYTES), one_way(comm, LARGE_BYTES)
    moving = max(large - small, 1e-9)
    return {"overhead": _rounded(small * 1e3), "bandwidth": _rounded(LARGE_BYTES / moving / 1e6)}


def _rounded(number: float) -> float:
    return float(f"{number:.3g}")


def with_constants(content: Mapping[str, Any], measured: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """A configuration with measured constants in its model; everything else, prices too, stays as it is."""
    published = load(None)["model"]
    model = {**published, **parts(content, "model")}
    for channel, constants in measured.items():
        entry = dict(model.get(channel, {}))
        entry["overhead"] = constants["overhead"]
        if "bandwidth_single" in entry:
            entry["bandwidth_single"] = constants["bandwidth"]
            if "bandwidth_multiple" in entry:
                together = number(entry["bandwidth_multiple"], f"model.{channel}.bandwidth_multiple")
                entry["bandwidth_multiple"] = max(constants["bandwidth"], together)
        else:
            entry["bandwidth"] = constants["bandwidth"]
        model[channel] = entry
    return {**content, "model": model}


def output_path(config: Source, output: str | None) -> Path:
    """The output file: as given, or else the configuration that was read, or ./fmi.json."""
    if output:
        return Path(output)
    if isinstance(config, str | os.PathLike) and Path(config) != DEFAULT_PATH:
        return Path(config)
    return Path("fmi.json")


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a configuration atomically. Raises ConfigError."""
    try:
        descriptor, half = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump(content, file, indent=2)
                file.write("\n")
            Path(half).replace(path)
        except BaseException:
            Path(half).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror}; name another file with --output"
        ) from error
