"""Runs functions and tasks as containers of their images, with the limits that AWS gives them."""

from __future__ import annotations

from contextlib import suppress

from docker.errors import APIError
from docker.types import Ulimit

from cosmic_fmi.common.lambda_limits import MB_PER_CPU
from cosmic_fmi.localcloud.moto.logs import LogStream
from cosmic_fmi.localcloud.sandbox._container import Container
from cosmic_fmi.localcloud.sandbox._process import ProcessSettings, aws_environment, function_variables
from cosmic_fmi.localcloud.sandbox._task import awslogs_sink
from cosmic_fmi.localcloud.sandbox.base import Sandbox, Sink, Task
from cosmic_fmi.localcloud.sandbox.docker_engine import Engine
from cosmic_fmi.localcloud.sandbox.runtime_address import RuntimeAddress
from cosmic_fmi.localcloud.sandbox.spec import ContainerSpec, FunctionSpec

# Lambda gives one vCPU per 1,769 MB, and these limits to an environment.
# Sources: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html, gettingstarted-limits.html
_PROCESSES = 1024
_OPEN_FILES = 1024
_PERIOD_US = 100_000
_SMALLEST_QUOTA_US = 1000
# Fargate's own disk is 20 GB; a task here needs little, and it is memory.
_TASK_TMP_MB = 64
_TASK_ROOT = "/var/task"
_UNLIMITED_MB = 1 << 40


class Containers:
    """Starts everything in containers of `engine`; functions reach the daemon over the machine's network."""

    def __init__(self, settings: ProcessSettings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        engine.remove_all()

    def start_function(
        self, spec: FunctionSpec, runtime_api: RuntimeAddress, log: LogStream, sink: Sink
    ) -> Sandbox:
        """A container whose /tmp has the function's size; EngineError when its image is not here.

        The engine counts what is in /tmp as memory, and Lambda does not: so the container may have both, and
        whoever watches it ends it when its processes alone have more than the function's memory.
        """
        container = self._engine.create(
            spec.image,
            [spec.handler] if spec.handler else [],
            {
                **aws_environment(self._settings, spec.region, spec.role, spec.name),
                **function_variables(spec, runtime_api.by_name, log),
                "LAMBDA_TASK_ROOT": _TASK_ROOT,
            },
            extra_hosts={runtime_api.host: "127.0.0.1"},
            tmpfs={"/tmp": f"size={spec.ephemeral_storage_mb}m,mode=1777,exec"},  # noqa: S108 - Lambda's
            mem_limit=f"{spec.memory_mb + spec.ephemeral_storage_mb}m",
            memswap_limit=f"{spec.memory_mb + spec.ephemeral_storage_mb}m",
            pids_limit=_PROCESSES,
            ulimits=[Ulimit(name="nofile", soft=_OPEN_FILES, hard=_OPEN_FILES)],
        )
        return FunctionContainer(self._engine, container, spec.memory_mb, sink)

    def start_task(self, spec: ContainerSpec, task_id: str, region: str) -> Task:
        """A container of the task's image; EngineError when that is not here."""
        container = self._engine.create(
            spec.image,
            list(spec.command),
            {**aws_environment(self._settings, region, spec.role, task_id), **dict(spec.variables)},
            tmpfs={"/tmp": f"size={_TASK_TMP_MB}m,mode=1777"},  # noqa: S108
        )
        return TaskContainer(self._engine, container, spec, awslogs_sink(spec, task_id, region))

    def code_stamp(self) -> str:
        """Empty: an image is its code, and a function names its image."""
        return ""

    def close(self) -> None:
        """Remove the remaining containers and close the connections."""
        self._engine.remove_all()
        self._engine.close()


class FunctionContainer(Container):
    """The container of a Lambda environment."""

    def loaded(self) -> None:
        """Limit the processors to the share that the memory size buys; loading has them all, as on AWS."""
        if self._engine.cpus:
            cpus = min(self._limit_mb / MB_PER_CPU, self._engine.cpus)
            with suppress(APIError):  # it has ended meanwhile
                self._engine.api.update_container(
                    self.id,
                    cpu_period=_PERIOD_US,
                    cpu_quota=max(_SMALLEST_QUOTA_US, int(cpus * _PERIOD_US)),
                )


class TaskContainer(Container):
    """The container of a Fargate task."""

    def __init__(self, engine: Engine, container: str, spec: ContainerSpec, sink: Sink) -> None:
        super().__init__(engine, container, _UNLIMITED_MB, sink)
        self.spec = spec

    @property
    def pid(self) -> int:
        """Its first process, as the engine numbers them; 0 when it has ended."""
        try:
            return int(self._engine.api.inspect_container(self.id)["State"]["Pid"])
        except APIError:
            return 0

    def ready(self) -> bool:
        """Whether the health check of the task definition succeeds; without one, whether it runs."""
        if self.exit_status is not None or not self.spec.health_command:
            return self.exit_status is None
        try:
            command = self._engine.api.exec_create(self.id, list(self.spec.health_command))
            self._engine.api.exec_start(command["Id"])
            return bool(self._engine.api.exec_inspect(command["Id"])["ExitCode"] == 0)
        except APIError:
            return False  # it has ended meanwhile

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds; returns when it has ended and is removed."""
        self.terminate(grace)
        self.close()
