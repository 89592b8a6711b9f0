"""A Lambda environment as a process of this machine, with the environment variables that Lambda sets."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cosmic_fmi.common.lambda_limits import MB_PER_CPU
from cosmic_fmi.localcloud.inside.image_modules import hidden_modules
from cosmic_fmi.localcloud.sandbox import memory
from cosmic_fmi.localcloud.sandbox.output import OutputReader
from cosmic_fmi.localcloud.sandbox.spec import FunctionSpec
from cosmic_fmi.localcloud.sandbox.tmp_size import TmpSize

if TYPE_CHECKING:
    # The daemon imports this module before it has told moto anything, and the logs import moto.
    from cosmic_fmi.localcloud.moto.logs import LogStream
    from cosmic_fmi.localcloud.sandbox.base import Sink

PACKAGE_PARENT = Path(__file__).resolve().parents[3]
# Of the daemon's own environment a function sees only what the interpreter needs to run.
_INHERITED = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "COVERAGE_PROCESS_START",
)
# Lambda gives one vCPU per 1,769 MB.
# Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html


@dataclass(frozen=True)
class ProcessSettings:
    """What every process of this daemon gets: where it runs and where the embedded AWS answers."""

    code_root: Path
    state_dir: Path
    endpoint_url: str
    credentials: Callable[[str, str], Mapping[str, str]]
    """The variables with the credentials of a role (its ARN) for a session of that name."""


def aws_environment(settings: ProcessSettings, region: str, role: str, session: str) -> dict[str, str]:
    """Variables for functions and tasks, processes and containers: region, credentials and endpoint.

    The credentials are the role's own; without a role there are none, as on AWS.
    """
    return {
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **(settings.credentials(role, session) if role else {}),
        "AWS_ENDPOINT_URL": settings.endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def process_environment(settings: ProcessSettings, region: str, role: str, session: str) -> dict[str, str]:
    """The same with what the interpreter of this machine needs."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        **aws_environment(settings, region, role, session),
        **kept,
        "PYTHONPATH": os.pathsep.join([str(settings.code_root), str(PACKAGE_PARENT)]),
    }


def function_variables(spec: FunctionSpec, runtime_api: str, log: LogStream) -> dict[str, str]:
    """As AWS documents them: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html."""
    cpus = min(os.cpu_count() or 1, math.ceil(spec.memory_mb / MB_PER_CPU))
    return {
        "OMP_NUM_THREADS": str(cpus),
        **dict(spec.variables),
        "_HANDLER": spec.handler,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log.group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log.name,
    }


class FunctionProcess:
    """A function's process, which leads a process group of its own, and its private /tmp."""

    def __init__(
        self,
        spec: FunctionSpec,
        settings: ProcessSettings,
        runtime_api: str,
        log: LogStream,
        sink: Sink,
    ) -> None:
        environment = {
            **process_environment(settings, spec.region, spec.role, spec.name),
            **function_variables(spec, runtime_api, log),
            "LAMBDA_TASK_ROOT": str(settings.code_root),
            "LAMBDA_RUNTIME_DIR": str(settings.code_root),
        }
        self._folder, self._watch, self._process = _spawn(spec, settings, environment)
        self._tmp = TmpSize(self._folder)
        self._family = memory.Family(self._process.pid)
        assert self._process.stdout is not None  # noqa: S101 - spawned with a pipe
        self._output = OutputReader(os.dup(self._process.stdout.fileno()), sink)
        self._process.stdout.close()

    def loaded(self) -> None:
        """Nothing: processes share the machine whatever their memory size."""

    def flush(self) -> None:
        """Pass on every line that was written before this call, an unfinished last one too."""
        self._output.flush()

    def resident_mb(self) -> int:
        """Memory in use now, rounded up; 0 when it has ended."""
        return self._family.resident_mb()

    def peak_mb(self) -> int:
        """The most memory it had in use, as far as the system knows."""
        return max(self._family.resident_mb(), memory.peak_mb(self._process.pid))

    def tmp_mb(self) -> int:
        """What it has written to /tmp, as it was a few seconds ago."""
        return self._tmp.mb()

    def waited_s(self) -> float | None:
        """How long its main thread could have run but had no processor, in seconds; Linux tells."""
        try:
            text = Path(f"/proc/{self._process.pid}/schedstat").read_text()
        except OSError:
            return None
        return int(text.split()[1]) / 1e9

    def out_of_memory(self) -> bool:
        """Never: only the daemon checks a process's memory."""
        return False

    def wait(self) -> int:
        """Block until it has ended; its exit status, or minus the number of the signal that ended it."""
        status = self._process.wait()
        self.kill()  # what it started in its own group goes with it
        return status

    def kill(self) -> None:
        """End it at once, with all that it started."""
        # macOS answers EPERM for a group of which only a zombie is left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill it, pass on its last output, and remove its /tmp."""
        self.kill()
        self._process.wait()
        self._output.close()
        os.close(self._watch)
        shutil.rmtree(self._folder, ignore_errors=True)


def _spawn(
    spec: FunctionSpec, settings: ProcessSettings, environment: dict[str, str]
) -> tuple[Path, int, subprocess.Popen[bytes]]:
    """Start a function's process; its private folder, the descriptor whose closing ends it, and the process.

    stdout and stderr come out of one pipe, so that lines keep their order.
    """
    parent = settings.state_dir / "environments"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{spec.name}-", dir=parent))
    watched, watch = os.pipe()
    environment |= {
        "LOCALCLOUD_WATCH": str(watched),
        "LOCALCLOUD_TMP": str(folder),
        "LOCALCLOUD_HIDDEN": json.dumps(hidden_modules(settings.code_root)),
        "LOCALCLOUD_VISIBLE": json.dumps([str(settings.code_root), str(PACKAGE_PARENT)]),
    }
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "cosmic_fmi.localcloud.inside.bootstrap", spec.handler],
            cwd=settings.code_root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[watched],
            start_new_session=True,
        )
    except BaseException:
        os.close(watch)
        raise
    finally:
        os.close(watched)
    return folder, watch, process
