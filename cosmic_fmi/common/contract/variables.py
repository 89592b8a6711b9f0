"""The environment variables of a rank: what the executor sets and its script reads, and the forms of values.

Scripts read them without this package, and fmi reads those of a world by itself: a test holds it to these
names. What is unset is absent, not empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

Value = str | int | float | bool | Path | Sequence[str] | None


class Variable(StrEnum):
    """Names, each with the form of its value. The first twelve are the course's, too."""

    S3_BUCKET = "S3_BUCKET"
    """The bucket of the script, to which results go."""
    S3_OBJECT_NAME = "S3_OBJECT_NAME"
    """Key of the script or folder."""
    S3_OBJECT_TYPE = "S3_OBJECT_TYPE"
    """``folder``, ``script`` or ``file``."""
    SCRIPT = "SCRIPT"
    """Path of the script here."""
    WORLD_SIZE = "WORLD_SIZE"
    """Whole number, at least 1."""
    RANK = "RANK"
    """Whole number, below the world size."""
    DATA_BUCKET = "DATA_BUCKET"
    DATA_PREFIX = "DATA_PREFIX"
    """Both of the partitions."""
    DATA_PATH = "DATA_PATH"
    """Path of a file here, or of the folder to which the input has this rank's data downloaded; else, with
    partitions, a key, or a JSON list of several, as the course writes them.
    """
    DATA_FILES = "DATA_FILES"
    """Keys of this rank's partitions in the data's bucket, a JSON list."""
    DATA_FILES_PATH = "DATA_FILES_PATH"
    """Path of a file here with what DATA_FILES would hold, where that is too long for a variable."""
    OUTPUT_PATH = "OUTPUT_PATH"
    """Path of an empty folder here; what the script leaves in it is kept."""
    RESULT_PATH = "RESULT_PATH"
    """Prefix below which ``<rank>.json`` is expected."""
    BATCH_SIZE = "BATCH_SIZE"
    """Whole number, at least 1."""

    EXECUTION_ID = "EXECUTION_ID"
    """Name of the Step Functions execution."""
    PAYLOAD_BUCKET = "PAYLOAD_BUCKET"
    PAYLOAD_KEY = "PAYLOAD_KEY"
    """Where the execution's own payload.json lies."""
    STORED_RESULT = "STORED_RESULT"
    """``1`` where an attempt that did not finish left something under this rank's result."""
    DOWNLOAD_SECONDS = "DOWNLOAD_SECONDS"
    """What bringing the bundle and its packages took, six decimals."""
    WORK_ID = "WORK_ID"
    """The same for the same work: image, bundle, packages, partitions and settings."""

    FMI_CONFIG = "FMI_CONFIG"
    """Path of this world's fmi.json."""
    FMI_COMM_NAME = "FMI_COMM_NAME"
    FMI_SECRET = "FMI_SECRET"  # noqa: S105 - a name
    RENDEZVOUS_HOST = "RENDEZVOUS_HOST"
    RENDEZVOUS_PORT = "RENDEZVOUS_PORT"
    """What the ranks of an attempt call and trust each other by, and where they meet."""


class VariablesError(ValueError):
    """A variable is missing or makes no sense; the message says which in one sentence."""


def encode(values: Mapping[Variable, Value]) -> dict[str, str]:
    """Values as the environment holds them; those that are None or False are left out."""
    return {
        str(name): _text(value) for name, value in values.items() if value is not None and value is not False
    }


def _text(value: Value) -> str:
    if value is True:
        return "1"
    if isinstance(value, float):
        return f"{value:.6f}"
    return str(value) if isinstance(value, str | int | Path) else json.dumps(value)


def text(variables: Mapping[str, str], name: Variable) -> str:
    """A value that has to be there. Raises VariablesError."""
    if not variables.get(name):
        raise VariablesError(
            f"the environment variable {name} is not set: run this script through the executor."
        )
    return variables[name]


def number(variables: Mapping[str, str], name: Variable, least: int, default: int | None = None) -> int:
    """A whole number; ``default``, if there is one, where it is unset. Raises VariablesError."""
    if default is not None and not variables.get(name):
        return default
    written = text(variables, name)
    if not written.isdigit() or int(written) < least:
        raise VariablesError(f"{name} is {written!r}, not a whole number of at least {least}.")
    return int(written)


def keys(variables: Mapping[str, str], name: Variable) -> tuple[str, ...]:
    """S3 keys, none where it is unset. Raises VariablesError."""
    try:
        found = json.loads(variables.get(name) or "[]")
    except json.JSONDecodeError as error:
        raise VariablesError(f"{name} is not JSON ({error}).") from error
    if not isinstance(found, list) or not all(isinstance(key, str) for key in found):
        raise VariablesError(f"{name} is not a JSON list of S3 keys.")
    return tuple(found)
