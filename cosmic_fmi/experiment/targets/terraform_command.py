"""Terraform's (or OpenTofu's) process: its output as progress, and an orderly end on Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import python_terraform

from cosmic_fmi.experiment.errors import TerraformError, TerraformStalledError
from cosmic_fmi.experiment.targets.terraform_watch import Trouble, Watch

Progress = Callable[[int, int | None, str], None]
"""Called with resources done, resources in all (None before the plan is known) and a short note."""

_TAIL_LINES = 25


def find_executable(environment: Mapping[str, str] = os.environ) -> str:
    """Path of ``terraform``, else of ``tofu``; raises :class:`TerraformError` when neither is installed."""
    for name in ("terraform", "tofu"):
        path = shutil.which(name, path=environment.get("PATH"))
        if path:
            return path
    raise TerraformError(
        "neither terraform nor tofu is on the PATH: install Terraform 1.9 or newer "
        "(https://developer.hashicorp.com/terraform/install) or OpenTofu (https://opentofu.org/docs/intro/install/)"
    )


def apply_in_terminal(root: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Initialize and apply the root module, with the user at the terminal; Terraform's exit status.

    Ctrl-C reaches Terraform, too, which then ends by itself, in order.
    """
    program = find_executable(environment)
    for command in (["init"], ["apply", *arguments]):
        with subprocess.Popen([program, f"-chdir={root}", *command], env=dict(environment)) as process:
            try:
                status = process.wait()
            except BaseException:
                process.wait()
                raise
        if status:
            return status
    return 0


@dataclass
class OutputReader:
    """What the JSON lines of a running command said so far, and when it last got anywhere."""

    progress: Progress = lambda *_: None
    moved: float = field(default_factory=time.monotonic)
    patient: bool = False
    """Whether its silence says nothing: a download takes as long as it takes."""
    done: int = 0
    total: int | None = None
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))
    errors: list[str] = field(default_factory=list)
    planned: list[str] = field(default_factory=list)

    def read(self, line: str) -> None:
        """Take in one line of output, JSON or plain."""
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        # "Still creating..." comes every ten seconds, whether anything happens or not.
        if not isinstance(event, dict) or event.get("type") != "apply_progress":
            self.moved = time.monotonic()
        if not isinstance(event, dict):
            self.tail.append(line.rstrip())
            return
        self.tail.append(str(event.get("@message", "")))
        self._read_event(event)

    def idle(self) -> float:
        """Seconds since the command last got anywhere, as far as that can be told."""
        return 0.0 if self.patient else time.monotonic() - self.moved

    def _read_event(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "change_summary" and event["changes"].get("operation") == "plan":
            changes = event["changes"]
            self.total = changes["add"] + changes["change"] + changes["remove"]
            self.progress(0, self.total, f"{self.total} changes planned")
        elif kind == "planned_change":
            self.planned.append(event["change"]["resource"]["addr"])
        elif kind in ("apply_start", "apply_complete"):
            self.done += kind == "apply_complete"
            self.progress(self.done, self.total, event["hook"]["resource"]["addr"])
        elif kind == "diagnostic" and event["diagnostic"]["severity"] == "error":
            self.errors.append(_sentence(event["diagnostic"]))


def _sentence(diagnostic: Mapping[str, Any]) -> str:
    """An error in Terraform's words, with the place in the configuration that it is about, if any."""
    said = f"{diagnostic['summary']}: {diagnostic.get('detail', '')}".strip(": \n")
    place = diagnostic.get("range")
    return f"{place['filename']}, line {place['start']['line']}: {said}" if place else said


class CommandLine(python_terraform.Terraform):
    """python-terraform's commands, run so that their output can be followed, Ctrl-C loses no state, and one
    in ``trouble`` ends.

    Its own ``cmd`` gives the output when all is over, in this process's environment and process group: no
    progress, and in a terminal Ctrl-C would interrupt Terraform beside us.
    """

    def __init__(
        self,
        root: Path,
        executable: str,
        environment: dict[str, str],
        *,
        log: Path,
        notify: Callable[[str], None],
        trouble: Trouble,
    ) -> None:
        super().__init__(str(root), terraform_bin_path=executable)
        self.environment = environment
        self.log = log
        self.notify = notify
        self.trouble = trouble

    def read_state_file(self, *_: object) -> None:
        """Leave the state to Terraform, which knows where it is."""

    def cmd(
        self, cmd: str, *args: str, reader: OutputReader | None = None, **options: object
    ) -> tuple[int, str, str]:
        """Run a command; with ``reader``, it gets each line as it comes.

        Gives what python-terraform's own gives: exit status, output, errors. Raises :class:`TerraformError`
        when the command fails.
        """
        program, *arguments = self.generate_cmd_string(cmd, *args, **options)
        command = [program, f"-chdir={self.working_dir}", *arguments]
        return self._collect(command, cmd) if reader is None else self._follow(command, cmd, reader)

    def _collect(self, command: Sequence[str], name: str) -> tuple[int, str, str]:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TerraformError(f"terraform {name} failed: {_last_lines(done.stderr)}")
        return done.returncode, done.stdout, done.stderr

    def _follow(self, command: Sequence[str], name: str, reader: OutputReader) -> tuple[int, str, str]:
        watch = Watch(self.trouble, reader.idle)
        with closing(self._lines(command, watch)) as lines:
            for line in lines:
                reader.read(line)
        if watch.reason:
            raise TerraformStalledError(
                f"terraform {name} was ended (all of its output: {self.log}): {watch.reason}"
            )
        if self._returncode:
            reason = "\n".join(reader.errors) or "\n".join(reader.tail)
            raise TerraformError(f"terraform {name} failed (all of its output: {self.log}):\n{reason}")
        return self._returncode, "\n".join(reader.tail), ""

    def _lines(self, command: Sequence[str], watch: Watch) -> Generator[str, None, None]:
        """Run a command and give its output line by line; on Ctrl-C let Terraform finish writing its state.

        It runs in a session of its own, so that it gets exactly one interrupt however ours came: a second one
        makes it drop everything, state included.
        """
        with self.log.open("a") as log:
            log.write(f"$ terraform {' '.join(command[2:])}\n")
            with (
                subprocess.Popen(
                    command,
                    env=self.environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    start_new_session=True,
                ) as process,
                watch.over(process),
            ):
                try:
                    for line in process.stdout or ():
                        log.write(line)
                        yield line
                    self._returncode = process.wait()
                finally:
                    self._end(process)

    def _end(self, process: subprocess.Popen[str]) -> None:
        """Interrupt a command that still runs and wait for it; kill it when that takes too long or once more
        Ctrl-C says so.
        """
        if process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        self.notify("Waiting for Terraform to finish what it has begun (Ctrl-C once more kills it) ...")
        try:
            process.communicate(timeout=60)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _last_lines(text: str, count: int = _TAIL_LINES) -> str:
    return "\n".join(text.strip().splitlines()[-count:])
