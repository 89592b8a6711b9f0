"""Writes down every question that was put to the policies, once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from cosmic_fmi.localcloud.iam.policy import Request
from cosmic_fmi.localcloud.iam.principals import Principal


class Recorder:
    """Appends one line of JSON to a file for each new combination of caller, action and resource."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._seen: set[tuple[str, str, str]] = set()

    def add(self, principal: Principal, request: Request) -> None:
        """Write it down, whatever will be decided."""
        known = (principal.owner, request.action, request.resource)
        with self._lock:
            if known in self._seen:
                return
            self._seen.add(known)
            line = json.dumps(
                {
                    "owner": principal.owner,
                    "principals": sorted(principal.names),
                    "action": request.action,
                    "resource": request.resource,
                    "context": request.context,
                }
            )
            with self._file.open("a") as out:
                out.write(f"{line}\n")


def recorded(lines: Iterable[str]) -> Iterator[tuple[str, Request]]:
    """(ARN of the user or role, or name of the service; what it asked for) of each line."""
    for line in lines:
        one = json.loads(line)
        context = {
            key: tuple(value) if isinstance(value, list) else value for key, value in one["context"].items()
        }
        yield one["owner"], Request(one["action"], one["resource"], context, frozenset(one["principals"]))
