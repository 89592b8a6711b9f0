"""The Lambda service: concurrency limits, warm environments and their end."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus

import psutil

from cosmic_fmi.localcloud.faults.functions import FunctionStates
from cosmic_fmi.localcloud.faults.switches import Switches
from cosmic_fmi.localcloud.iam.authority import Authority, CannotAssumeError
from cosmic_fmi.localcloud.iam.services import LAMBDA, RoleInUse
from cosmic_fmi.localcloud.lambda_.environment import Environment, Result
from cosmic_fmi.localcloud.moto import backends
from cosmic_fmi.localcloud.moto._untyped import MotoObject
from cosmic_fmi.localcloud.sandbox.base import CannotStartError, Host
from cosmic_fmi.localcloud.sandbox.spec import FunctionSpec

# Asynchronous invocations that fail are run again twice. AWS waits a minute or two in between.
# Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
_ASYNC_RETRY_SECONDS = (1.0, 2.0)
# What Lambda does not run at the moment it tries again for six hours, less and less often. Here it does so
# more often, because nobody waits for minutes. Source: the same page.
_NOT_NOW = frozenset({HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})
_LONGEST_PAUSE_SECONDS = 5.0
_ASYNC_AGE_SECONDS = 6 * 3600.0
_WATCH_SECONDS = 0.1
_MEMORY_PRESSURE_PERCENT = 90.0


@dataclass(frozen=True)
class Limits:
    """`concurrency` of the account; at most `idle` environments are kept warm, each for `idle_seconds`."""

    concurrency: int = 1000
    idle: int = int(os.environ.get("LOCALCLOUD_MAX_IDLE", "64"))
    idle_seconds: float = 600.0


class LambdaError(Exception):
    """A refusal by the Lambda API itself: HTTP status, AWS error code and body."""

    def __init__(self, status: int, code: str, message: str, **body: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.body = {**body, "message": message}


class LambdaRuntime:
    """Runs functions that exist in moto's Lambda backend."""

    def __init__(
        self, host: Host, limits: Limits, authority: Authority, switches: Switches | None = None
    ) -> None:
        self.limits = limits
        self.authority = authority
        self.switches = switches or Switches()
        self.states = FunctionStates(self.switches)
        self._host = host
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()
        self._busy: dict[Environment, str | None] = {}
        self._idle: list[Environment] = []
        self._stopped_executions: set[str] = set()
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="lambda-watch", daemon=True)
        self._watcher.start()

    def invoke(
        self,
        function: str,
        region: str,
        payload: bytes,
        *,
        client_context: str | None = None,
        execution_arn: str | None = None,
    ) -> Result:
        """Run `function` (a name or an ARN) and wait for its end; LambdaError when it cannot start.

        It belongs to the Step Functions execution `execution_arn`, if given, and is stopped with it.
        """
        model = self.find(function, region)
        self._refuse_by_state(model.function_arn)
        spec = FunctionSpec.of(model, self._host.code_stamp())
        self._take_slot(spec, model.reserved_concurrency)
        try:
            environment = self._environment(spec, execution_arn)
            try:
                return environment.invoke(str(uuid.uuid4()), payload, client_context)
            finally:
                self._give_back(environment)
        finally:
            with self._lock:
                self._running[spec.arn] -= 1

    def invoke_later(
        self, function: str, region: str, payload: bytes, after_s: float = 0.0
    ) -> threading.Thread:
        """Run `function` in a thread, and again if it fails, as asynchronous calls do."""
        self.find(function, region)
        thread = threading.Thread(
            target=self._invoke_with_retries,
            args=(function, region, payload, after_s),
            name="async",
            daemon=True,
        )
        thread.start()
        return thread

    def find(self, function: str, region: str) -> MotoObject:
        """moto's model of a function; LambdaError ResourceNotFoundException where there is none."""
        model = backends.find_function(function, region)
        if model is None:
            arn = backends.function_arn(function, region)
            raise LambdaError(404, "ResourceNotFoundException", f"Function not found: {arn}", Type="User")
        return model

    def unreserved_concurrency(self) -> int:
        """What the account's limit leaves for functions that have nothing reserved."""
        return self.limits.concurrency - sum(backends.reserved_concurrency().values())

    def stop_functions(self, execution_arn: str | None = None) -> int:
        """End running invocations, all or those of one execution, which gets no new ones; return how many."""
        with self._lock:
            if execution_arn is not None:
                self._stopped_executions.add(execution_arn)
            chosen = [one for one, owner in self._busy.items() if execution_arn in (None, owner)]
        for environment in chosen:
            environment.kill()
        return len(chosen)

    def drop_idle(self) -> int:
        """End every warm environment, so that the next invocations start cold; return their number."""
        with self._lock:
            chosen, self._idle = self._idle, []
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(Environment.close, chosen))
        return len(chosen)

    def status(self) -> dict[str, int]:
        """How many environments are busy and idle."""
        with self._lock:
            return {"busy": len(self._busy), "idle": len(self._idle)}

    def close(self) -> None:
        """End every environment."""
        self._closed.set()
        self._watcher.join()
        self.stop_functions()
        self.drop_idle()

    def _take_slot(self, spec: FunctionSpec, reserved: int | None) -> None:
        with self._lock:
            if reserved is not None:
                reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
                full = self._running[spec.arn] >= int(reserved)
            else:
                reason = "ConcurrentInvocationLimitExceeded"
                own = backends.reserved_concurrency()
                used = sum(count for arn, count in self._running.items() if arn not in own)
                full = used >= self.limits.concurrency - sum(own.values())
            if full:
                raise LambdaError(
                    429, "TooManyRequestsException", "Rate Exceeded.", Reason=reason, Type="User"
                )
            self._running[spec.arn] += 1

    def _environment(self, spec: FunctionSpec, execution_arn: str | None) -> Environment:
        """The most recently used warm environment of this function, or a new one."""
        with self._lock:
            self._refuse_if_stopped(execution_arn)
            for environment in reversed(self._idle):
                if environment.spec == spec and environment.usable:
                    self._idle.remove(environment)
                    self._busy[environment] = execution_arn
                    return environment
        self._check_trust(spec)
        role = RoleInUse(self.authority, spec.role, spec.region, spec.name)
        try:
            environment = Environment(spec, self._host, role.may_write)
        except CannotStartError as error:
            raise LambdaError(400, "InvalidParameterValueException", str(error), Type="User") from error
        with self._lock:
            self._busy[environment] = execution_arn
            stopped = self._closed.is_set() or execution_arn in self._stopped_executions
        if stopped:
            environment.kill()
        return environment

    def _refuse_by_state(self, arn: str) -> None:
        refusal = self.states.refusal(arn)
        if refusal is not None:
            reason = {"Reason": refusal.reason} if refusal.reason else {}
            raise LambdaError(refusal.status, refusal.code, refusal.message, Type="User", **reason)

    def _check_trust(self, spec: FunctionSpec) -> None:
        try:
            self.authority.check_trust(spec.role, LAMBDA, spec.arn)
        except CannotAssumeError as error:
            message = "The role defined for the function cannot be assumed by Lambda."
            raise LambdaError(403, "AccessDeniedException", message, Type="User") from error

    def _refuse_if_stopped(self, execution_arn: str | None) -> None:
        if self._closed.is_set() or (execution_arn is not None and execution_arn in self._stopped_executions):
            raise LambdaError(500, "ServiceException", "The execution was stopped.", Type="Service")

    def _give_back(self, environment: Environment) -> None:
        with self._lock:
            self._busy.pop(environment, None)
            keep = environment.usable and not self._closed.is_set()
            if keep:
                self._idle.append(environment)
        if not keep:
            environment.close()

    def _invoke_with_retries(self, function: str, region: str, payload: bytes, after_s: float) -> None:
        pauses, waited = list(_ASYNC_RETRY_SECONDS), 0.5
        until = time.monotonic() + _ASYNC_AGE_SECONDS
        while not self._closed.wait(after_s) and time.monotonic() < until:
            try:
                if self.invoke(function, region, payload).function_error is None:
                    return
            except LambdaError as error:
                if error.status in _NOT_NOW:
                    after_s = waited = min(waited * 2, _LONGEST_PAUSE_SECONDS)
                    continue
            if not pauses:
                return
            after_s = pauses.pop(0)

    def _watch(self) -> None:
        """Enforce memory limits, and end environments that are idle for too long or out of date."""
        while not self._closed.wait(_WATCH_SECONDS):
            with self._lock:
                busy = list(self._busy)
                surplus = self._surplus()
                self._idle = [one for one in self._idle if one not in surplus]
            for environment in busy:
                environment.check_memory()
                environment.check_tmp()
            for environment in surplus:
                environment.close()

    def _surplus(self) -> list[Environment]:
        """Idle environments to end; the oldest come first in the list of idle ones."""
        if not self._idle:
            return []
        now = time.monotonic()
        stamp = self._host.code_stamp()
        surplus = [
            one
            for one in self._idle
            if not one.usable
            or now - one.idle_since > self.limits.idle_seconds
            or self._outdated(one.spec, stamp)
        ]
        rest = [one for one in self._idle if one not in surplus]
        too_many = max(0, len(rest) - self.limits.idle)
        if not too_many and rest and psutil.virtual_memory().percent > _MEMORY_PRESSURE_PERCENT:
            too_many = 1
        return surplus + rest[:too_many]

    @staticmethod
    def _outdated(spec: FunctionSpec, stamp: str) -> bool:
        model = backends.find_function(spec.name, spec.region)
        return model is None or FunctionSpec.of(model, stamp) != spec
