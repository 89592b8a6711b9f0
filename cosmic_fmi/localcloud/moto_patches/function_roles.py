"""Lambda makes no function of a role that it may not take, or of an image that it may not pull; moto does."""

from __future__ import annotations

from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaBackend
from moto.core.exceptions import JsonRESTError

from cosmic_fmi.localcloud.iam.authority import Authority, CannotAssumeError
from cosmic_fmi.localcloud.iam.services import LAMBDA, lambda_may_pull
from cosmic_fmi.localcloud.moto._untyped import MotoObject
from cosmic_fmi.localcloud.moto.backends import function_arn

_PULL_REFUSED = "Lambda does not have permission to access the ECR image. Check the ECR permissions."


def install(authority: Authority) -> None:
    """Put everything of this module into moto's class."""
    create, update = LambdaBackend.create_function, LambdaBackend.update_function_configuration
    update_code = LambdaBackend.update_function_code

    def check(self: MotoObject, name: str, role: str | None, image: str | None) -> None:
        arn = function_arn(name, self.region_name)
        if role is not None:
            try:
                authority.check_trust(role, LAMBDA, arn)
            except CannotAssumeError as error:
                message = "The role defined for the function cannot be assumed by Lambda."
                raise InvalidParameterValueException(message) from error
        if image is not None and authority.enforce and not lambda_may_pull(authority, image, arn):
            refused = JsonRESTError("AccessDeniedException", _PULL_REFUSED)
            refused.code = 403
            raise refused

    def create_checked(self: MotoObject, spec: dict[str, Any]) -> MotoObject:
        check(self, spec["FunctionName"], spec.get("Role"), spec.get("Code", {}).get("ImageUri"))
        return create(self, spec)

    def update_checked(self: MotoObject, name: str, qualifier: str, body: dict[str, Any]) -> MotoObject:
        check(self, name, body.get("Role"), None)
        return update(self, name, qualifier, body)

    def update_code_checked(self: MotoObject, name: str, qualifier: str, body: dict[str, Any]) -> MotoObject:
        check(self, name, None, body.get("ImageUri"))
        return update_code(self, name, qualifier, body)

    LambdaBackend.create_function = create_checked
    LambdaBackend.update_function_configuration = update_checked
    LambdaBackend.update_function_code = update_code_checked
