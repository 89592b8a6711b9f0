"""What the runtime needs to know of a function, taken from moto's model of it."""

from __future__ import annotations

from dataclasses import dataclass

from cosmic_fmi.localcloud.moto._untyped import MotoObject


@dataclass(frozen=True)
class FunctionSpec:
    """One deployed function; equal specs share warm environments, so all that those depend on is here."""

    name: str
    arn: str
    region: str
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
            handler=command[0] if command else function.handler or "",
            memory_mb=int(function.memory_size),
            timeout_s=float(function.timeout),
            ephemeral_storage_mb=int(function.ephemeral_storage),
            variables=tuple(sorted(function.environment_vars.items())),
            image=function.code.get("ImageUri", ""),
            code=f"{function.code_sha_256} {code_stamp}",
        )
