"""One execution from start to end: start it, watch it, stop it on Ctrl-C, and return how it went."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cosmic_fmi.experiment.aws.failure import Failure, parse_failure
from cosmic_fmi.experiment.aws.history import Timings, request_ids, timings
from cosmic_fmi.experiment.cost.bill import FREE_EPHEMERAL_MB
from cosmic_fmi.experiment.execution.failing_ranks import FailureWatch
from cosmic_fmi.experiment.execution.rank_states import MapWatch, RankStates
from cosmic_fmi.experiment.plan.payloads import mode_of
from cosmic_fmi.experiment.plan.plan import RunSpec, number
from cosmic_fmi.experiment.targets.base import Target
from cosmic_fmi.experiment.targets.deployment import Deployment
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.experiment.ui.signals import shielded


@dataclass(frozen=True)
class Execution:
    """An execution to make: settings, unique name, input, and the ranks' memory and storage in MB."""

    spec: RunSpec
    execution_id: str
    payload: dict[str, Any]
    memory_mb: int
    ephemeral_mb: int = 512

    @property
    def ranks(self) -> int | None:
        """Ranks that the input asks for; None when it does not say so in a usable way."""
        return number(self.payload.get("world_size") or self.payload.get("file_limit"))

    @property
    def mode(self) -> str:
        """``data-parallel`` or ``script``."""
        return mode_of(self.payload)


@dataclass(frozen=True)
class Finished:
    """An execution that ended, and what Step Functions says about it."""

    execution: Execution
    status: str
    """``succeeded``, ``failed``, ``timed_out`` or ``aborted``."""
    failure: Failure | None
    output: dict[str, Any]
    """What Summarize returned; empty when the execution failed."""
    started_at: datetime
    timings: Timings
    request_ids: dict[str, set[str]] = field(default_factory=dict)
    """Lambda's ids of what the execution invoked itself, by role: initialize, summarize."""

    @property
    def world_size(self) -> int:
        """Ranks of this run; 0 when that is not known because the input was refused."""
        return number(self.output.get("world_size")) or self.execution.ranks or 0

    @property
    def warnings(self) -> list[str]:
        """What Initialize and Summarize warn of, a sentence each."""
        said = self.output.get("warnings")
        return [str(one) for one in said] if isinstance(said, list) else []


def new_execution_id(spec: RunSpec) -> str:
    """A name no execution had before: run id, UTC time, and a few random digits (at most 80 characters)."""
    return f"{spec.run_id[:48]}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


class Runner:
    """Makes executions on one prepared target; `on_ranks` is told the ranks' states at every look."""

    def __init__(
        self,
        target: Target,
        deployment: Deployment,
        reporter: Reporter,
        on_ranks: Callable[[RankStates], None] | None = None,
    ) -> None:
        self._target = target
        self._deployment = deployment
        self._reporter = reporter
        self._on_ranks = on_ranks
        self._sfn = target.clients.stepfunctions
        self._refused: set[str] = set()

    def run(self, execution: Execution, on_look: Callable[[], None] | None = None) -> Finished:
        """Start an execution and wait for its end; ``on_look`` is called at every look.

        What else ends the wait stops it and is passed on; what it left can be asked for with :meth:`stopped`.
        """
        name = execution.execution_id
        # Known before StartExecution answers, so that an interrupt in between stops it as well.
        arn = self._arn(name)
        try:
            content = json.dumps(execution.payload)
            self._start(name, content)
            return self._finished(execution, arn, self._wait(arn, name, on_look))
        except BaseException:  # whatever ended the watching, nothing runs on unwatched
            if name not in self._refused:
                try:
                    self._reporter.message(f"Stopping the execution {name} ...", "yellow", important=True)
                finally:  # also where the terminal is gone
                    with shielded(self._reporter.message):
                        self._stop(arn)
            raise

    def _start(self, name: str, content: str) -> None:
        try:
            self._sfn.start_execution(
                stateMachineArn=self._deployment.state_machine_arn, name=name, input=content
            )
        except ClientError:  # nothing was started; what runs under that name, if anything, is another's
            self._refused.add(name)
            raise

    def stopped(self, execution: Execution) -> Finished | None:
        """What Step Functions says about an execution that :meth:`run` stopped; None if none was."""
        if execution.execution_id in self._refused:
            return None
        arn = self._arn(execution.execution_id)
        try:
            return self._finished(execution, arn, dict(self._sfn.describe_execution(executionArn=arn)))
        except (BotoCoreError, ClientError):
            return None

    def past(self, name: str) -> Finished:
        """An execution that ended earlier, by its name. Raises ClientError when there is none."""
        arn = self._arn(name)
        found = dict(self._sfn.describe_execution(executionArn=arn))
        function = self._target.clients.functions.get_function_configuration(
            FunctionName=self._deployment.functions["execute"]
        )
        execution = Execution(
            RunSpec(source=name),  # named after itself, which is what tells executions of the past apart
            name,
            _object(str(found.get("input") or "")),
            function["MemorySize"],
            function.get("EphemeralStorage", {}).get("Size", FREE_EPHEMERAL_MB),
        )
        return self._finished(execution, arn, found)

    def _arn(self, name: str) -> str:
        return f"{self._deployment.state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"

    def _wait(self, arn: str, name: str, on_look: Callable[[], None] | None) -> dict[str, Any]:
        ranks = MapWatch(self._sfn, arn)
        failing = FailureWatch(self._target, self._deployment, name, self._reporter)
        failed = 0
        while True:
            found = dict(self._sfn.describe_execution(executionArn=arn))
            if on_look is not None:
                on_look()
            states = ranks.look()
            if states is not None and self._on_ranks is not None:
                self._on_ranks(states)
            if (states is not None and states.failed > failed) or found["status"] == "FAILED":
                failed = states.failed if states else failed
                failing.look()
            if found["status"] != "RUNNING":
                return found
            time.sleep(self._target.poll_s)

    def _stop(self, arn: str) -> None:
        try:
            self._sfn.stop_execution(executionArn=arn, error="Interrupted", cause="stopped by the user")
        except BotoCoreError as error:
            self._reporter.message(f"{arn} may still run, stop it yourself: {error}", "red", important=True)
        except ClientError as error:
            # It ended by itself meanwhile, or never started; anything else the user has to know.
            if error.response["Error"]["Code"] not in ("ExecutionDoesNotExist", "ValidationException"):
                self._reporter.message(f"The execution could not be stopped: {error}", "red", important=True)

    def _finished(self, execution: Execution, arn: str, found: dict[str, Any]) -> Finished:
        status = str(found["status"])
        started, stopped = found["startDate"], found.get("stopDate") or datetime.now(UTC)
        pages = self._sfn.get_paginator("get_execution_history").paginate(executionArn=arn)
        events = [event for page in pages for event in page["events"]]
        succeeded = status == "SUCCEEDED"
        return Finished(
            execution=execution,
            status=status.lower(),
            failure=None if succeeded else parse_failure(status, found.get("error"), found.get("cause")),
            output=_object(found.get("output")) if succeeded else {},
            started_at=started,
            timings=timings(events, started, stopped),
            request_ids=request_ids(events),
        )


def _object(text: str | None) -> dict[str, Any]:
    """A JSON object; empty for anything else, e.g. when someone changed the last state to return a list."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
