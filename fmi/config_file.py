"""Finds the fmi.json that a script names: beside it, in its bundle, or where the executor put one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from fmi.errors import ConfigError


def find(source: str | os.PathLike[str], environment: Mapping[str, str]) -> Path:
    """The first existing file of the places where a configuration may be.

    A relative path is looked for in the working folder, then in the script's folder and those above it up to
    the bundle's; last comes the file that FMI_CONFIG names, also for an absolute path.

    Raises:
        ConfigError: there is no such file; the message names every place that was searched.
    """
    places = list(dict.fromkeys(_places(Path(source), environment)))
    for place in places:
        if place.exists():
            return place
    looked = ", ".join(map(str, places))
    unset = "" if environment.get("FMI_CONFIG") else "; FMI_CONFIG is not set"
    raise ConfigError(
        f"there is no FMI configuration {os.fspath(source)!r}: looked for {looked}{unset}. "
        "Put the file into one of these places, or set FMI_CONFIG to its path"
    )


def _places(source: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    yield Path.cwd() / source
    if not source.is_absolute():
        for folder in _bundle_folders(environment):
            yield folder / source
    if environment.get("FMI_CONFIG"):
        yield Path.cwd() / environment["FMI_CONFIG"]


def _bundle_folders(environment: Mapping[str, str]) -> Iterator[Path]:
    """The script's folder, and where the executor downloaded it (SCRIPT) those above it in its bundle."""
    script = environment.get("SCRIPT") or sys.argv[0]
    folders = Path(script).absolute().parents
    bundle = Path(environment.get("S3_OBJECT_NAME", "").strip("/")).parts
    above = 0
    if bundle:
        ends = (place for place, folder in enumerate(folders) if folder.parts[-len(bundle) :] == bundle)
        above = next(ends, 0)
    yield from folders[: above + 1]
