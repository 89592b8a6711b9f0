"""Runs functions and tasks as processes of this machine, from the code in the working tree."""

from __future__ import annotations

from cosmic_fmi.localcloud.moto.logs import LogStream
from cosmic_fmi.localcloud.sandbox._process import FunctionProcess, ProcessSettings
from cosmic_fmi.localcloud.sandbox._task import TaskProcess
from cosmic_fmi.localcloud.sandbox.base import CannotStartError, Sandbox, Sink, Task
from cosmic_fmi.localcloud.sandbox.code_stamp import CodeStamp
from cosmic_fmi.localcloud.sandbox.runtime_address import RuntimeAddress
from cosmic_fmi.localcloud.sandbox.spec import ContainerSpec, FunctionSpec


class Processes:
    """Starts everything in `settings.code_root`; images are never looked at."""

    def __init__(self, settings: ProcessSettings) -> None:
        self._settings = settings
        self._code = CodeStamp(settings.code_root)

    def start_function(
        self, spec: FunctionSpec, runtime_api: RuntimeAddress, log: LogStream, sink: Sink
    ) -> Sandbox:
        """A process that runs AWS's runtime client with the function's handler."""
        return FunctionProcess(spec, self._settings, runtime_api.by_path, log, sink)

    def start_task(self, spec: ContainerSpec, task_id: str, region: str) -> Task:
        """A process that runs the container's command; CannotStartError where only the image has one."""
        if not spec.command:
            raise CannotStartError(
                f"container {spec.name} has no command in its definition, and images are not run here"
            )
        return TaskProcess(spec, task_id, region, self._settings)

    def code_stamp(self) -> str:
        """Changes when a Python file of the working tree does."""
        return self._code.current()

    def close(self) -> None:
        """Nothing is left: every process has a sandbox or task that ended it."""
