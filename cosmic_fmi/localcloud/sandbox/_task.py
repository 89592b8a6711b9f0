"""A Fargate task as a process of this machine, and where its output goes."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys

import psutil

from cosmic_fmi.localcloud.moto.logs import LogStream
from cosmic_fmi.localcloud.sandbox._process import ProcessSettings, process_environment
from cosmic_fmi.localcloud.sandbox.base import Sink
from cosmic_fmi.localcloud.sandbox.output import OutputReader
from cosmic_fmi.localcloud.sandbox.spec import ContainerSpec

_LOG = logging.getLogger(__name__)


class TaskProcess:
    """The running command of a task."""

    def __init__(self, spec: ContainerSpec, task_id: str, region: str, settings: ProcessSettings) -> None:
        self.spec = spec
        watched, self._watch = os.pipe()
        command = [sys.executable if word in {"python", "python3"} else word for word in spec.command[:1]]
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "cosmic_fmi.localcloud.inside.supervise",
                    str(watched),
                    *command,
                    *spec.command[1:],
                ],
                cwd=settings.code_root,
                env={
                    **process_environment(settings, region, spec.role, task_id),
                    "PYTHONUNBUFFERED": "1",
                    **dict(spec.variables),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[watched],
                start_new_session=True,
            )
        finally:
            os.close(watched)
        assert self._process.stdout is not None  # noqa: S101 - spawned with a pipe
        self._output = OutputReader(
            os.dup(self._process.stdout.fileno()), awslogs_sink(spec, task_id, region)
        )
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        """The supervising process, which leads the task's process group."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def ready(self) -> bool:
        """Whether it listens on the container's port; one without a port is ready at once.

        Looks the socket up instead of connecting, so that the server never sees a client that says nothing.
        """
        if self.spec.port is None:
            return self.exit_status is None
        try:
            supervisor = psutil.Process(self.pid)
            return any(self._listens(one) for one in [supervisor, *supervisor.children(recursive=True)])
        except psutil.Error:
            return False

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL for the whole group after `grace` seconds; returns when it has ended."""
        self._process.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.close()

    def close(self) -> None:
        """End the rest of the process group and close the descriptors."""
        # Nothing may be left of the group; macOS answers EPERM where only a zombie is.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._output.close()
        if self._watch >= 0:
            os.close(self._watch)
            self._watch = -1

    def _listens(self, process: psutil.Process) -> bool:
        return any(
            connection.status == psutil.CONN_LISTEN
            and connection.laddr
            and connection.laddr.port == self.spec.port
            for connection in process.net_connections("inet")
        )


def awslogs_sink(spec: ContainerSpec, task_id: str, region: str) -> Sink:
    """Where its output goes: the awslogs group and stream as ECS names it, or the daemon's own log."""
    if "awslogs-group" not in spec.log:
        return lambda lines: _LOG.info("task %s: %s", task_id, "".join(lines).rstrip())
    prefix = spec.log.get("awslogs-stream-prefix", "ecs")
    stream = LogStream(
        spec.log.get("awslogs-region", region), spec.log["awslogs-group"], f"{prefix}/{spec.name}/{task_id}"
    )
    return stream.write
