"""What moto 5.2.5 lacks or gets wrong in Step Functions, put right in its classes.

- ValidateStateMachineDefinition and ListStateMachineVersions, without which Terraform's provider retries for
  minutes.
- lambda:invoke goes straight to the runtime, without an HTTP client a call, and belongs to its execution.
- An execution that is given no name gets one, instead of being called None.
- StopExecution ends what runs: moto only marks the execution and waits for running tasks, for ever if need
  be, and then calls it FAILED when a task fails because of the stop.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from moto.core.responses import ActionResult
from moto.stepfunctions.parser.api import ExecutionStatus, InvalidDefinition
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from cosmic_fmi.localcloud.lambda_.service import LambdaError
from cosmic_fmi.localcloud.moto import backends
from cosmic_fmi.localcloud.moto._untyped import MotoObject
from cosmic_fmi.localcloud.moto_patches.workflow_roles import check_invoke

if TYPE_CHECKING:
    from cosmic_fmi.localcloud.lambda_.environment import Result
    from cosmic_fmi.localcloud.lambda_.service import LambdaRuntime


def install(runtime: LambdaRuntime) -> None:
    """Put everything of this module into moto's classes; functions run through `runtime`."""
    StepFunctionResponse.validate_state_machine_definition = _validate_definition
    StepFunctionResponse.list_state_machine_versions = _list_versions
    StepFunctionResponse.stop_execution = _stop_execution
    _install_names()
    _install_invoke(runtime)
    _install_stop(runtime)


def _validate_definition(self: MotoObject) -> MotoObject:
    try:
        StepFunctionsParserBackend._validate_definition(self._get_param("definition"))
    except InvalidDefinition as error:
        finding = {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": str(error.message)}
        return ActionResult({"result": "FAIL", "diagnostics": [finding], "truncated": False})
    return ActionResult({"result": "OK", "diagnostics": [], "truncated": False})


def _list_versions(self: MotoObject) -> MotoObject:
    machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
    versions = [
        {"stateMachineVersionArn": version.arn, "creationDate": version.creation_date}
        for _, version in sorted(machine.versions.items(), reverse=True)
    ]
    return ActionResult({"stateMachineVersions": versions})


def _stop_execution(self: MotoObject) -> MotoObject:
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    error, cause = self._get_param("error"), self._get_param("cause")
    execution.stop(stop_date=datetime.now(tz=UTC), error=error, cause=cause)
    return ActionResult({"stopDate": execution.stop_date})


def _install_names() -> None:
    start = StepFunctionsParserBackend.start_execution

    def start_named(
        self: MotoObject,
        state_machine_arn: str,
        name: str | None = None,
        *arguments: object,
        **options: object,
    ) -> MotoObject:
        return start(self, state_machine_arn, name or str(uuid.uuid4()), *arguments, **options)

    StepFunctionsParserBackend.start_execution = start_named


def _install_invoke(runtime: LambdaRuntime) -> None:
    def call(env: MotoObject, parameters: dict[str, Any], region: str, **_: object) -> None:
        env.stack.append(_invoke(runtime, env, parameters, region))

    # Two ways to name a function in a state machine: the lambda:invoke integration and its own ARN.
    lambda_eval_utils.execute_lambda_function_integration = call
    lambda_eval_utils.exec_lambda_function = call


def _invoke(
    runtime: LambdaRuntime, env: MotoObject, parameters: dict[str, Any], region: str
) -> dict[str, Any]:
    """Run the function; its error becomes the task's Error (errorType) and Cause (the payload), as on AWS."""
    execution = env.states.context_object.context_object_data["Execution"]["Id"]
    payload = parameters.get("Payload") or b"{}"
    arn = backends.function_arn(parameters["FunctionName"], region)
    check_invoke(runtime.authority, env, arn, region)
    try:
        result = runtime.invoke(
            parameters["FunctionName"],
            region,
            payload if isinstance(payload, bytes) else str(payload).encode(),
            client_context=parameters.get("ClientContext"),
            execution_arn=execution,
        )
    except LambdaError as error:
        raise _client_error(error) from error
    if result.function_error is not None:
        raise lambda_eval_utils.LambdaFunctionErrorException(result.function_error, result.payload.decode())
    return _response(result)


def _response(result: Result) -> dict[str, Any]:
    metadata = {"RequestId": result.request_id}
    return {
        "ExecutedVersion": "$LATEST",
        "Payload": json.loads(result.payload) if result.payload else None,
        "SdkHttpMetadata": {
            "HttpStatusCode": 200,
            "AllHttpHeaders": {"x-amzn-RequestId": [result.request_id]},
        },
        "SdkResponseMetadata": metadata,
        "StatusCode": 200,
    }


def _client_error(error: LambdaError) -> ClientError:
    """What boto3 raises for the same refusal: moto makes Error `Lambda.<code>` of it."""
    metadata = {
        "HTTPStatusCode": error.status,
        "RequestId": "",
        "HostId": "",
        "HTTPHeaders": {},
        "RetryAttempts": 0,
    }
    described = {"Code": error.code, "Message": str(error)}
    return ClientError({"Error": described, "ResponseMetadata": metadata}, "Invoke")  # type: ignore[typeddict-item]


def _install_stop(runtime: LambdaRuntime) -> None:
    reflect_status = BaseExecutionWorkerCommunication._reflect_execution_status
    set_error = Environment.set_error

    def stop(self: MotoObject, stop_date: datetime, error: str | None, cause: str | None) -> None:
        if self.exec_status != ExecutionStatus.RUNNING:
            return
        self.stop_date, self.error, self.cause = stop_date, error, cause
        self.exec_status = ExecutionStatus.ABORTED
        if self.exec_worker is not None and self.exec_worker.env is not None:
            self.exec_worker.env.set_stop(stop_date=stop_date, cause=cause, error=error)
        runtime.stop_functions(self.exec_arn)

    def reflect(self: MotoObject) -> None:
        # The stop was final; what the interrupted tasks report afterwards does not count.
        if self.execution.exec_status != ExecutionStatus.ABORTED:
            reflect_status(self)

    def keep_stopped(self: MotoObject, error: MotoObject) -> None:
        if not isinstance(self._program_state, ProgramStopped):
            set_error(self, error)

    Execution.stop = stop
    BaseExecutionWorkerCommunication._reflect_execution_status = reflect
    Environment.set_error = keep_stopped
