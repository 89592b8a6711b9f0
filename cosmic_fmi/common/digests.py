"""Whether things are the same as before, in one value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable


def digest(parts: Iterable[object]) -> str:
    """SHA-256 (hex) of JSON values, in their order."""
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()
