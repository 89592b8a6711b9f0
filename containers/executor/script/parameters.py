"""Variables whose values are parameters of the Systems Manager: secrets that no execution input holds."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import ClientError

from containers.executor.clients import ssm
from cosmic_fmi.common.s3 import error_code


class ParameterError(RuntimeError):
    """A parameter cannot be read. The message is one sentence that says what to change."""


def read(parameters: Mapping[str, str]) -> dict[str, str]:
    """The values of parameters, by the variable that each becomes, decrypted."""
    return {variable: _value(name) for variable, name in parameters.items()}


def _value(name: str) -> str:
    try:
        return ssm().get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    except ClientError as error:
        if error_code(error) == "ParameterNotFound":
            raise ParameterError(
                f"There is no SSM parameter {name!r} in this region: make it with `aws ssm put-parameter "
                f"--name {name} --type SecureString --value …`."
            ) from None
        if error_code(error) == "AccessDeniedException":
            raise ParameterError(
                f"Ranks may not read the SSM parameter {name!r}: its name has to begin with the "
                "deployment's name_prefix and scripts, as in /cosmic/scripts/token."
            ) from None
        raise
