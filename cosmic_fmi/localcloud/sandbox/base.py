"""Where functions and tasks run: as processes of this machine, or as containers of their images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cosmic_fmi.localcloud.moto.logs import LogStream
    from cosmic_fmi.localcloud.sandbox.runtime_address import RuntimeAddress
    from cosmic_fmi.localcloud.sandbox.spec import ContainerSpec, FunctionSpec

Sink = Callable[[Sequence[str]], None]
"""Called with whole lines of output, each with its newline; the very last one may lack it."""


class CannotStartError(RuntimeError):
    """A function or task cannot be started here; the message says what to change."""


class Sandbox(Protocol):
    """What one Lambda environment runs in, with everything that it starts."""

    def loaded(self) -> None:
        """The handler is loaded: from here on it has only its share of the processors."""

    def flush(self) -> None:
        """Pass on every line that was written before this call, an unfinished last one too."""

    def resident_mb(self) -> int:
        """Memory in use now, rounded up; 0 when it has ended."""

    def peak_mb(self) -> int:
        """The most memory it had in use, as far as the system knows."""

    def tmp_mb(self) -> int:
        """What it has written to /tmp, where nothing but the daemon limits that; else 0."""

    def waited_s(self) -> float | None:
        """How long it could have run but had no processor, in seconds; None where that cannot be told."""

    def out_of_memory(self) -> bool:
        """Whether whoever runs it has ended it for wanting more memory than it may have."""

    def wait(self) -> int:
        """Block until it has ended; its exit status, or minus the number of the signal that ended it."""

    def kill(self) -> None:
        """End it at once, with all that it started."""

    def close(self) -> None:
        """Kill it, pass on its last output, and release its resources."""


class Task(Protocol):
    """The first container of a Fargate task."""

    spec: ContainerSpec

    @property
    def pid(self) -> int:
        """Its process, as whoever runs it numbers processes."""

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""

    def ready(self) -> bool:
        """Whether it serves."""

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds; returns when it has ended and holds nothing."""

    def close(self) -> None:
        """End it if it still runs, and release its resources."""


class Host(Protocol):
    """Starts functions and tasks."""

    def start_function(
        self, spec: FunctionSpec, runtime_api: RuntimeAddress, log: LogStream, sink: Sink
    ) -> Sandbox:
        """A new environment, whose runtime asks `runtime_api` for work; or CannotStartError."""

    def start_task(self, spec: ContainerSpec, task_id: str, region: str) -> Task:
        """A new task; or CannotStartError."""

    def code_stamp(self) -> str:
        """A text that changes when the code of functions changes without their configuration."""

    def close(self) -> None:
        """Let go of everything, once every sandbox and task is closed."""
