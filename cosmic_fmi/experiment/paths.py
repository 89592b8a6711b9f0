"""Where the project's files are, and where the embedded AWS and Terraform keep their state."""

from __future__ import annotations

import os
from pathlib import Path

from cosmic_fmi.common.checkout import PACKAGES, in_checkout
from cosmic_fmi.experiment.installed_project import unpack

REPOSITORY = PACKAGES
"""The root of the clone; in an installation the folder with the packages, and only them."""


def local_state() -> Path:
    """The folder of all state: COSMIC_STATE, else .local in a clone, else the user's data folder.

    Whole, because Terraform runs in a folder of its own.
    """
    if named := os.environ.get("COSMIC_STATE"):
        return Path(named).resolve()
    if in_checkout():
        return REPOSITORY / ".local"
    from platformdirs import user_data_path  # noqa: PLC0415 - a clone needs none

    return user_data_path("cosmic-fmi", appauthor=False).resolve()


LOCAL_STATE = local_state()


def project_folder() -> Path:
    """The folder with the packages, terraform/, examples/ and the state machine: the clone, or, from a wheel,
    one in the state folder that is brought up to date with what is installed.
    """
    return REPOSITORY if in_checkout() else unpack(PACKAGES, LOCAL_STATE / "project")
