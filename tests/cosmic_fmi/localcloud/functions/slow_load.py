"""Loads slowly the first time in a folder, as on a machine that has to fetch everything."""

import os
import threading
from pathlib import Path

_marker = Path(os.environ["MARKER"])
if not _marker.exists():
    _marker.touch()
    threading.Event().wait(600)


def answer(event: object, context: object) -> object:  # noqa: ARG001 - called by Lambda
    """Return the event."""
    return event
