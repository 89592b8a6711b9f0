"""Starts the process of a Lambda environment with the environment variables that Lambda sets."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from localcloud.function_spec import FunctionSpec

PACKAGE_PARENT = Path(__file__).resolve().parent.parent
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
_MB_PER_CPU = 1769


@dataclass(frozen=True)
class ProcessSettings:
    """What every process of this daemon gets: where it runs and where the embedded AWS answers."""

    code_root: Path
    state_dir: Path
    endpoint_url: str


def base_environment(settings: ProcessSettings, region: str) -> dict[str, str]:
    """Variables for functions and tasks alike: interpreter, region, credentials and endpoint."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        "LANG": "C.UTF-8",
        **kept,
        "TZ": ":UTC",
        "PYTHONPATH": os.pathsep.join([str(settings.code_root), str(PACKAGE_PARENT)]),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "localcloud",
        "AWS_SECRET_ACCESS_KEY": "localcloud",
        "AWS_SESSION_TOKEN": "localcloud",
        "AWS_ENDPOINT_URL": settings.endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def spawn_function(
    spec: FunctionSpec, settings: ProcessSettings, runtime_api: str, log_group: str, log_stream: str
) -> tuple[Path, int, subprocess.Popen[bytes]]:
    """Start a function's process; its private folder, the descriptor whose closing ends it, and the process.

    stdout and stderr come out of one pipe, so that lines keep their order.
    """
    parent = settings.state_dir / "environments"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{spec.name}-", dir=parent))
    watched, watch = os.pipe()
    environment = _function_environment(spec, settings, runtime_api, log_group, log_stream)
    environment |= {
        "LOCALCLOUD_WATCH": str(watched),
        "LOCALCLOUD_TMP": str(folder),
        "LOCALCLOUD_VISIBLE": json.dumps([str(settings.code_root), str(PACKAGE_PARENT)]),
    }
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "localcloud.bootstrap", spec.handler],
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


def _function_environment(
    spec: FunctionSpec, settings: ProcessSettings, runtime_api: str, log_group: str, log_stream: str
) -> dict[str, str]:
    """As AWS documents them: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html."""
    cpus = min(os.cpu_count() or 1, math.ceil(spec.memory_mb / _MB_PER_CPU))
    return {
        "OMP_NUM_THREADS": str(cpus),
        **base_environment(settings, spec.region),
        **dict(spec.variables),
        "_HANDLER": spec.handler,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "LAMBDA_TASK_ROOT": str(settings.code_root),
        "LAMBDA_RUNTIME_DIR": str(settings.code_root),
    }
