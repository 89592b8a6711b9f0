"""Names for what comes from moto, which carries no types of its own."""

from __future__ import annotations

from typing import Any

# A model or backend of moto's: a task, a service, a function, an execution.
MotoObject = Any
