"""A stand-in for Fargate: keeps a process running for every task that ECS wants to run.

A loop compares what moto's ECS holds with the processes there are, and acts on the difference: services get
their tasks, tasks get their processes, processes that ended end their tasks. It runs after each ECS call and
once a second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from cosmic_fmi.localcloud.iam.services import task_refusal
from cosmic_fmi.localcloud.lambda_ import events
from cosmic_fmi.localcloud.lambda_.service import LambdaRuntime
from cosmic_fmi.localcloud.moto import backends
from cosmic_fmi.localcloud.moto._untyped import MotoObject
from cosmic_fmi.localcloud.moto.ecs import (
    add_service_event,
    mark_running,
    mark_stopped,
    start_service_task,
    task_detail,
    update_counts,
)
from cosmic_fmi.localcloud.sandbox.base import CannotStartError, Host, Task
from cosmic_fmi.localcloud.sandbox.spec import ContainerSpec

_LOG = logging.getLogger(__name__)
_CHECK_SECONDS = 1.0
_START_CHECK_SECONDS = 0.05
_GRACE_SECONDS = 5.0
# On AWS a task takes a minute to start. Here it is up before Terraform has created the rule that listens for
# it, so the event that a task runs is also delivered to rules that are created a little later.
_LATE_RULE_SECONDS = 120.0
_LONGEST_BACKOFF_SECONDS = 30.0
_STABLE_SECONDS = 30.0
# A target of the event that a task has ended may set the desired count to 0, as publish_address does. On AWS
# a successor takes 20 to 60 s to start, so only the slowest target is too late there.
_EVENT_SECONDS = 20.0
# Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html and
# …/stopped-task-error-codes.html
_NO_CAPACITY = (
    "Reason: Capacity is unavailable at this time. "
    "Please try again later or in a different availability zone."
)
_MAINTENANCE = "ECS is performing maintenance on the underlying infrastructure hosting the task."


@dataclass
class _Running:
    """A task with its process; `event` says that it runs, `delivered` which targets have received that."""

    task: MotoObject
    region: str
    process: Task
    started: float = field(default_factory=time.monotonic)
    event: dict[str, Any] | None = None
    delivered: set[str] = field(default_factory=set)


@dataclass
class _Backoff:
    """When a service may get its next task; `deliveries` of the event that the last one ended still run."""

    failures: int = 0
    not_before: float = 0.0
    deliveries: list[threading.Thread] = field(default_factory=list)
    deliveries_until: float = 0.0

    def is_over(self) -> bool:
        """Whether the next task may start."""
        now = time.monotonic()
        delivered = now >= self.deliveries_until or not any(one.is_alive() for one in self.deliveries)
        return delivered and now >= self.not_before


class Fargate:
    """Runs tasks until close()."""

    def __init__(self, host: Host, runtime: LambdaRuntime) -> None:
        self._host = host
        self._runtime = runtime
        self._running: dict[str, _Running] = {}
        self._waiting: dict[str, float] = {}
        self._backoff: dict[str, _Backoff] = defaultdict(_Backoff)
        self._changed = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="fargate", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Reconcile at once."""
        self._changed.set()

    def status(self) -> list[dict[str, Any]]:
        """One entry a running task: ARN, pid, command, and whether it is up."""
        return [
            {
                "task": arn,
                "pid": one.process.pid,
                "command": list(one.process.spec.command),
                "running": one.event is not None,
            }
            for arn, one in list(self._running.items())
        ]

    def close(self) -> None:
        """Stop the loop and every task."""
        self._closing = True
        self.wake()
        self._thread.join()
        for one in self._running.values():
            one.process.stop(_GRACE_SECONDS)

    def _run(self) -> None:
        while not self._closing:
            starting = any(one.event is None for one in self._running.values())
            self._changed.wait(_START_CHECK_SECONDS if starting else _CHECK_SECONDS)
            self._changed.clear()
            try:
                self._reconcile()
            except Exception:
                # moto's models change in other threads: one failure must not end the loop.
                _LOG.exception("reconciling ECS failed; next attempt in a second")

    def _reconcile(self) -> None:
        self._end_exited()
        known = set()
        for region, ecs in backends.ecs_regions():
            for service in list(ecs.services.values()):
                self._reconcile_service(ecs, service)
            for tasks in list(ecs.tasks.values()):
                known |= tasks.keys()
                for arn, task in list(tasks.items()):
                    if arn not in self._running and self._may_start(arn, task, region):
                        self._start(ecs, region, arn, task)
        for arn, one in list(self._running.items()):
            if one.task.desired_status != "RUNNING" or arn not in known:
                self._stop(arn, one)
            else:
                self._announce(one)
                if one.event is not None and self._runtime.switches.take("task-replaced"):
                    one.task.desired_status, one.task.stopped_reason = "STOPPED", _MAINTENANCE
        self._waiting = {arn: since for arn, since in self._waiting.items() if arn in known}

    def _reconcile_service(self, ecs: MotoObject, service: MotoObject) -> None:
        """Start as many tasks of its task definition as the service wants; stop the others."""
        active = service.status == "ACTIVE" and service.cluster_name in ecs.clusters
        wanted = int(service.desired_count) if active else 0
        definition = ecs.describe_task_definition(service.task_definition).arn if wanted else ""
        mine = [
            task
            for task in list(ecs.tasks.get(service.cluster_name, {}).values())
            if task.group == f"service:{service.name}" and task.desired_status == "RUNNING"
        ]
        fitting = [task for task in mine if task.task_definition_arn == definition][:wanted]
        for task in mine:
            if task not in fitting:
                task.desired_status, task.stopped_reason = (
                    "STOPPED",
                    "Scaling activity initiated by deployment",
                )
        if len(fitting) < wanted and self._backoff[f"{service.cluster_arn} service:{service.name}"].is_over():
            fitting += self._start_tasks(ecs, service, wanted - len(fitting))
        up = sum(1 for task in fitting if (one := self._running.get(task.task_arn)) and one.event is not None)
        update_counts(service, wanted, up)

    def _start_tasks(self, ecs: MotoObject, service: MotoObject, count: int) -> list[MotoObject]:
        if self._runtime.switches.value("task-unplaced") is not None:
            add_service_event(service, f"(service {service.name}) was unable to place a task. {_NO_CAPACITY}")
            self._delay(f"{service.cluster_arn} service:{service.name}", stable=True)
            return []
        try:
            return [start_service_task(ecs, service) for _ in range(count)]
        except Exception:
            # moto raises errors of many kinds for tasks that it cannot place; the other services go on.
            _LOG.exception("service %s: moto refuses its task", service.name)
            self._delay(f"{service.cluster_arn} service:{service.name}", stable=False)
            return []

    def _may_start(self, arn: str, task: MotoObject, region: str) -> bool:
        """Whether a task's process starts now; with the fault `task-start` it takes as long as on AWS."""
        if task.desired_status != "RUNNING":
            if self._waiting.pop(arn, None) is not None:
                mark_stopped(task, region, task.stopped_reason, None)
                self._report_end(task, region)
            return False
        now, delay_s = time.monotonic(), self._runtime.switches.value("task-start") or 0.0
        if delay_s and arn not in self._waiting:
            mark_running(task, region, running=False)
            _LOG.info("task %s: starts in %g s", arn, delay_s)
        if now < self._waiting.setdefault(arn, now) + delay_s:
            return False
        del self._waiting[arn]
        return True

    def _start(self, ecs: MotoObject, region: str, arn: str, task: MotoObject) -> None:
        definition = ecs.describe_task_definition(task.task_definition_arn)
        role = getattr(definition, "task_role_arn", None) or ""
        spec = ContainerSpec.of(definition.container_definitions[0], task.overrides, role)
        mark_running(task, region, running=False)
        refusal = task_refusal(self._runtime.authority, definition, (spec.image, spec.log), region, task.id)
        if refusal is not None:
            self._fail(arn, task, region, refusal)
            return
        try:
            process = self._host.start_task(spec, task.id, region)
        except CannotStartError as error:
            self._fail(arn, task, region, f"CannotStartContainerError: {error}")
            return
        self._running[arn] = _Running(task, region, process)
        _LOG.info("task %s: started %s", arn, " ".join(spec.command))

    def _fail(self, arn: str, task: MotoObject, region: str, reason: str) -> None:
        """The task could not be started."""
        _LOG.error("task %s: %s", arn, reason)
        mark_stopped(task, region, reason, None, "TaskFailedToStart")
        self._report_end(task, region)
        self._delay(_service_key(task), stable=False)

    def _announce(self, one: _Running) -> None:
        """Deliver the event that a task runs, once it does; for a while also to rules created later."""
        if one.event is None:
            if not one.process.ready():
                return
            mark_running(one.task, one.region, running=True)
            one.event = _event(one.task, one.region)
            _LOG.info("task %s: is up", one.task.task_arn)
            self.wake()
        if time.monotonic() - one.started < _LATE_RULE_SECONDS:
            events.deliver(one.event, self._runtime, one.delivered)

    def _end_exited(self) -> None:
        for arn, one in list(self._running.items()):
            if one.process.exit_status is not None:
                _LOG.warning("task %s: ended with status %s", arn, one.process.exit_status)
                self._delay(_service_key(one.task), stable=time.monotonic() - one.started > _STABLE_SECONDS)
                one.process.close()
                reason, code = "Essential container in task exited", "EssentialContainerExited"
                self._ended(arn, one, reason, one.process.exit_status, code)

    def _stop(self, arn: str, one: _Running) -> None:
        _LOG.info("task %s: stopping", arn)
        one.process.stop(_GRACE_SECONDS)
        self._ended(arn, one, one.task.stopped_reason, one.process.exit_status)

    def _ended(
        self, arn: str, one: _Running, reason: str, status: int | None, code: str | None = None
    ) -> None:
        del self._running[arn]
        one.task.desired_status = "STOPPED"
        mark_stopped(one.task, one.region, reason, status, code)
        self._report_end(one.task, one.region)

    def _report_end(self, task: MotoObject, region: str) -> None:
        backoff = self._backoff[_service_key(task)]
        backoff.deliveries = events.deliver(_event(task, region), self._runtime, set())
        backoff.deliveries_until = time.monotonic() + _EVENT_SECONDS

    def _delay(self, service_key: str, *, stable: bool) -> None:
        """Delay the next task of a service, longer with each failure."""
        backoff = self._backoff[service_key]
        backoff.failures = 1 if stable else backoff.failures + 1
        pause = min(2.0 ** (backoff.failures - 1), _LONGEST_BACKOFF_SECONDS)
        backoff.not_before = time.monotonic() + pause


def _event(task: MotoObject, region: str) -> dict[str, Any]:
    arn, detail = task.task_arn, task_detail(task)
    return events.make_event(region, "aws.ecs", "ECS Task State Change", [arn], detail)


def _service_key(task: MotoObject) -> str:
    return f"{task.cluster_arn} {task.group}"
