"""What a user's program is given: its main script, arguments, variables and data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ProgramOptions:
    """Beside the program itself.

    Attributes:
        main: the script to run, of a folder.
        arguments: for ``sys.argv``.
        environment: variables by name.
        parameters: ``ssm:`` and the name of an SSM parameter by the variable that it becomes.
        data: a folder, a file or ``s3://bucket/prefix``.
        shared: whether every rank gets all of the data instead of its share.
        python: the version that its functions have to have, such as ``3.11``; None for any.
        meets: whether its ranks may connect to each other.
    """

    main: str | None = None
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None
    shared: bool = False
    python: str | None = None
    meets: bool = True

    @property
    def payload(self) -> dict[str, Any]:
        """What the execution's input says of it, but for where the data lies."""
        said = {
            "arguments": list(self.arguments),
            "environment": dict(self.environment),
            "environment_from": dict(self.parameters),
            "data_download": ("shared" if self.shared else "dealt") if self.data else None,
        }
        return {key: value for key, value in said.items() if value} | (
            {} if self.meets else {"rendezvous": False}
        )

    def to_json(self) -> dict[str, Any]:
        """For ``sweep.json``."""
        return {
            "main": self.main,
            "arguments": list(self.arguments),
            "environment": dict(self.environment),
            "parameters": dict(self.parameters),
            "data": self.data,
            "shared": self.shared,
            "python": self.python,
            "meets": self.meets,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> ProgramOptions:
        """What :meth:`to_json` wrote; the usual where something is missing."""
        return cls(
            main=found.get("main"),
            arguments=tuple(found.get("arguments", ())),
            environment=dict(found.get("environment", {})),
            parameters=dict(found.get("parameters", {})),
            data=found.get("data"),
            shared=bool(found.get("shared", False)),
            python=found.get("python"),
            meets=bool(found.get("meets", True)),
        )
