"""What embedded AWSs and Terraform said while a test failed: on a CI machine their logs are gone with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from cosmic_fmi.localcloud.state import LOG_FILE, STATE_FILE

_LINES = 60


def sections(folder: Path, since: float) -> Iterator[tuple[str, str]]:
    """(title, last lines) of each log below ``folder`` that was written to ``since`` (unix time), or whose
    embedded AWS runs: one that hangs writes nothing.
    """
    for log in sorted(folder.rglob(LOG_FILE)):
        if (log.parent / STATE_FILE).exists() or log.stat().st_mtime >= since:
            yield f"Log of the embedded AWS: {log}", _end(log)
    for log in sorted(folder.rglob("terraform.log")):
        if log.stat().st_mtime >= since:
            yield f"Log of Terraform: {log}", "\n".join(map(_readable, _end(log).splitlines()))


def _end(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LINES:])


def _readable(line: str) -> str:
    """Time and message of one of Terraform's JSON lines."""
    try:
        event = json.loads(line)
        return f"{event['@timestamp']} {event['@message']}"
    except (ValueError, KeyError, TypeError):
        return line
