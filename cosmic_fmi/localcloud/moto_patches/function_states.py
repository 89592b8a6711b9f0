"""States of functions other than Active, which moto 5.2.5 does not have.

GetFunction and GetFunctionConfiguration tell them; while a function is pending, another update is refused.
Source: https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
"""

from __future__ import annotations

from typing import Any

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaBackend, LambdaFunction

from cosmic_fmi.localcloud.faults.functions import FunctionStates
from cosmic_fmi.localcloud.moto._untyped import MotoObject


def install(states: FunctionStates) -> None:
    """Put everything of this module into moto's classes."""
    describe = LambdaFunction.get_configuration
    create = LambdaBackend.create_function

    def describe_state(self: MotoObject, on_create: bool = False) -> dict[str, Any]:
        found: dict[str, Any] = describe(self, on_create)
        state = states.state(self.function_arn)
        if state.code:
            found |= {"State": state.state, "StateReason": state.reason, "StateReasonCode": state.code}
        if state.is_updating:
            found |= {"State": "Active", "LastUpdateStatus": "InProgress"}
            found |= {"LastUpdateStatusReason": "The function is being updated."}
        return found

    def create_noted(self: MotoObject, *arguments: object) -> MotoObject:
        function = create(self, *arguments)
        states.note_change(function.function_arn, made=True)
        return function

    LambdaFunction.get_configuration = describe_state
    LambdaBackend.create_function = create_noted
    for name in ("update_function_code", "update_function_configuration"):
        setattr(LambdaBackend, name, _one_at_a_time(getattr(LambdaBackend, name), states))


def _one_at_a_time(update: MotoObject, states: FunctionStates) -> MotoObject:
    def updated(self: MotoObject, function_name: str, *arguments: object, **options: object) -> MotoObject:
        arn = self.get_function(function_name).function_arn
        if states.state(arn).state == "Pending":
            raise _in_progress(arn)
        states.note_change(arn, made=False)
        return update(self, function_name, *arguments, **options)

    return updated


def _in_progress(arn: str) -> LambdaClientError:
    message = f"The operation cannot be performed at this time. An update is in progress for resource: {arn}"
    error = LambdaClientError("ResourceConflictException", message)
    error.code = 409
    return error
