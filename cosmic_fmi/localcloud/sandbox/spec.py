"""What to run: a function as moto's model describes it, and a task's container as the ECS API does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cosmic_fmi.localcloud.moto._untyped import MotoObject


@dataclass(frozen=True)
class FunctionSpec:
    """One deployed function; equal specs share warm environments, so all that those depend on is here."""

    name: str
    arn: str
    region: str
    role: str
    """The ARN of its execution role."""
    handler: str
    memory_mb: int
    timeout_s: float
    ephemeral_storage_mb: int
    variables: tuple[tuple[str, str], ...]
    image: str
    """The image's URI; empty for a function that is not an image."""
    code: str
    """The digest of what was deployed, and the stamp of the local code."""

    @classmethod
    def of(cls, function: MotoObject, code_stamp: str) -> FunctionSpec:
        """Read moto's LambdaFunction; an image's command names the handler, as in AWS's base images."""
        command = function.image_config.cmd or [] if function.package_type == "Image" else []
        return cls(
            name=function.function_name,
            arn=function.function_arn,
            region=function.region,
            role=function.role,
            handler=command[0] if command else function.handler or "",
            memory_mb=int(function.memory_size),
            timeout_s=float(function.timeout),
            ephemeral_storage_mb=int(function.ephemeral_storage),
            variables=tuple(sorted(function.environment_vars.items())),
            image=function.code.get("ImageUri", ""),
            code=f"{function.code_sha_256} {code_stamp}",
        )


@dataclass(frozen=True)
class ContainerSpec:
    """What to run: the first container of a task definition, with a RunTask call's overrides applied."""

    name: str
    image: str
    command: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    port: int | None
    health_command: tuple[str, ...]
    log: dict[str, str]
    role: str = ""
    """The ARN of its task role; empty for a task that calls no AWS service."""

    @classmethod
    def of(cls, definition: dict[str, Any], overrides: dict[str, Any], role: str = "") -> ContainerSpec:
        """Read a container definition as the ECS API describes it."""
        chosen: dict[str, Any] = {}
        for override in overrides.get("containerOverrides", []):
            if override.get("name") == definition["name"]:
                chosen = override
        pairs = [*definition.get("environment", []), *chosen.get("environment", [])]
        ports = [mapping["containerPort"] for mapping in definition.get("portMappings", [])]
        log = definition.get("logConfiguration") or {}
        return cls(
            name=definition["name"],
            image=definition.get("image", ""),
            command=(
                *definition.get("entryPoint", []),
                *(chosen.get("command") or definition.get("command", [])),
            ),
            variables=tuple((pair["name"], pair["value"]) for pair in pairs),
            port=int(ports[0]) if ports else None,
            health_command=_health_command(definition.get("healthCheck", {}).get("command", [])),
            log=log.get("options", {}) if log.get("logDriver") == "awslogs" else {},
            role=role,
        )


def _health_command(words: list[str]) -> tuple[str, ...]:
    """A health check's command as one to run: it begins with CMD, CMD-SHELL or NONE."""
    match words:
        case ["CMD", *command]:
            return tuple(command)
        case ["CMD-SHELL", line]:
            return "sh", "-c", line
    return ()
