"""Step Functions acts with the role of the state machine, in moto 5.2.5 with nobody's.

- A state machine is only made with a role that Step Functions may take, and that may deliver its log.
- Functions, the items and results of a distributed Map, its child executions and AWS SDK calls are asked for
  by that role.
"""

from __future__ import annotations

import secrets
import string
import sys
import threading
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto.core.exceptions import AWSError
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.item_reader_decl import (
    ItemReader,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    distributed_iteration_component as distributed,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.result_writer_decl import (
    ResultWriter,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from cosmic_fmi.localcloud.iam.authority import AccessDeniedError, Authority, CannotAssumeError
from cosmic_fmi.localcloud.iam.principals import session_of
from cosmic_fmi.localcloud.iam.services import STATES, RoleInUse
from cosmic_fmi.localcloud.moto._untyped import MotoObject

# Sessions of Step Functions are named by 32 random letters.
_SESSION = "".join(secrets.choice(string.ascii_letters) for _ in range(32))


def install(authority: Authority) -> None:
    """Put everything of this module into moto's classes."""
    _install_clients(authority)
    _install_creation(authority)
    _install_map(authority)
    _install_errors()


def check_invoke(authority: Authority, env: MotoObject, function_arn: str, region: str) -> None:
    """Raise ClientError, as Lambda's client does, unless the state machine's role may invoke the function."""
    principal = session_of(env.aws_execution_details.role_arn, _SESSION)
    try:
        authority.check(principal, "lambda:InvokeFunction", function_arn, region)
    except AccessDeniedError as error:
        described = {"Code": "AccessDeniedException", "Message": str(error)}
        metadata = {"HTTPStatusCode": 403, "RequestId": secrets.token_hex(16)}
        raise ClientError({"Error": described, "ResponseMetadata": metadata}, "Invoke") from error  # type: ignore[typeddict-item]


def _install_clients(authority: Authority) -> None:
    """Let the interpreter's clients sign with the role's credentials."""
    current = threading.local()
    make = boto_client.boto_client_for

    class Signed:
        """boto3 as the interpreter's module sees it."""

        @staticmethod
        def client(**options: object) -> MotoObject:
            credentials = authority.sessions.issue(current.role, _SESSION)
            signed = {
                "aws_access_key_id": credentials.access_key,
                "aws_secret_access_key": credentials.secret_key,
                "aws_session_token": credentials.session_token,
            }
            return boto3.client(**{**options, **signed})  # type: ignore[call-overload]

    def client_for(region: str, service: str, state_credentials: MotoObject = None) -> MotoObject:
        current.role = state_credentials.role_arn
        return make(region=region, service=service, state_credentials=state_credentials)

    boto_client.boto3 = Signed
    for name, module in list(sys.modules.items()):
        if name.startswith("moto.stepfunctions.parser") and hasattr(module, "boto_client_for"):
            module.boto_client_for = client_for  # type: ignore[attr-defined]


def _install_creation(authority: Authority) -> None:
    create = StepFunctionsParserBackend.create_state_machine
    update = StepFunctionsParserBackend.update_state_machine

    def create_checked(self: MotoObject, **options: Any) -> MotoObject:  # noqa: ANN401
        arn = f"arn:aws:states:{self.region_name}:{self.account_id}:stateMachine:{options['name']}"
        _check_role(authority, options["roleArn"], arn, self.region_name, options.get("loggingConfiguration"))
        return create(self, **options)

    def update_checked(self: MotoObject, arn: str, *arguments: Any, **options: Any) -> MotoObject:  # noqa: ANN401
        machine = self.describe_state_machine(arn)
        role = options.get("role_arn") or machine.roleArn
        logging = options.get("logging_configuration") or machine.loggingConfiguration
        _check_role(authority, role, arn, self.region_name, logging)
        return update(self, arn, *arguments, **options)

    StepFunctionsParserBackend.create_state_machine = create_checked
    StepFunctionsParserBackend.update_state_machine = update_checked


def _check_role(authority: Authority, role: str, machine: str, region: str, logging: MotoObject) -> None:
    try:
        authority.check_trust(role, STATES, machine)
    except CannotAssumeError as error:
        raise _refused(
            f"Neither the global service principal {STATES}, nor the regional one is authorized to assume "
            "the provided role."
        ) from error
    if logging and logging.get("level", "OFF") != "OFF":
        try:
            RoleInUse(authority, role, region, _SESSION).check_log_delivery()
        except AccessDeniedError as error:
            raise _refused(
                f"The state machine IAM Role is not authorized to access the Log Destination: {error}"
            ) from error


def _refused(message: str) -> MotoObject:
    return AWSError(message, exception_type="AccessDeniedException")


def _install_map(authority: Authority) -> None:
    run = distributed.DistributedIterationComponent._map_run

    def run_checked(self: MotoObject, env: MotoObject, eval_input: MotoObject) -> None:
        machine = env.states.context_object.context_object_data["StateMachine"]["Id"]
        principal = session_of(env.aws_execution_details.role_arn, _SESSION)
        try:
            authority.check(principal, "states:StartExecution", machine, machine.split(":")[3])
        except AccessDeniedError as error:
            raise _failure(env, StatesErrorNameType.StatesPermissions, str(error)) from error
        run(self, env, eval_input)

    distributed.DistributedIterationComponent._map_run = run_checked
    _name_errors(ItemReader, StatesErrorNameType.StatesItemReaderFailed)
    _name_errors(ResultWriter, StatesErrorNameType.StatesResultWriterFailed)


def _name_errors(component: MotoObject, kind: MotoObject) -> None:
    """Let what S3 refuses fail under the name that a state's Catch looks for."""
    evaluate: Callable[[MotoObject, MotoObject], None] = component._eval_body

    def named(self: MotoObject, env: MotoObject) -> None:
        try:
            evaluate(self, env)
        except ClientError as error:
            raise _failure(env, kind, str(error)) from error

    component._eval_body = named


def _failure(env: MotoObject, kind: MotoObject, cause: str) -> FailureEventException:
    details = EventDetails(taskFailedEventDetails=TaskFailedEventDetails(error=kind.to_name(), cause=cause))
    name = StatesErrorName(typ=kind)
    return FailureEventException(FailureEvent(env, name, HistoryEventType.TaskFailed, details))


def _install_errors() -> None:
    """Let a refused invocation be Lambda.AWSLambdaException, with the code in its cause, as on AWS.

    Source: https://github.com/awslabs/aws-deployment-framework/issues/460
    """
    original = StateTaskServiceLambda._error_cause_from_client_error

    def described(error: ClientError) -> tuple[str, str]:
        name, cause = original(error)
        return "Lambda.AWSLambdaException" if name == "Lambda.AccessDeniedException" else name, cause

    StateTaskServiceLambda._error_cause_from_client_error = staticmethod(described)
