"""Where the repository is, and where the embedded AWS and Terraform keep their state."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LOCAL_STATE = Path(os.environ.get("COSMIC_STATE") or REPOSITORY / ".local").resolve()
"""COSMIC_STATE names another folder; whole, because Terraform runs in a folder of its own."""
