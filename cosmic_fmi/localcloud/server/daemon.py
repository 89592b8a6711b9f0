"""The daemon: one process that holds the control plane, the Lambda runtime and the Fargate stand-in."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import resource
import secrets
import shlex
import shutil
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from cosmic_fmi.localcloud.faults.switches import Switches, UnknownFaultError
from cosmic_fmi.localcloud.locks import try_lock
from cosmic_fmi.localcloud.moto._untyped import MotoObject
from cosmic_fmi.localcloud.sandbox._process import ProcessSettings
from cosmic_fmi.localcloud.sandbox.base import CannotStartError, Host
from cosmic_fmi.localcloud.server import control_plane
from cosmic_fmi.localcloud.state import LOCK_FILE, DaemonState

if TYPE_CHECKING:
    from cosmic_fmi.localcloud.fargate.service import Fargate
    from cosmic_fmi.localcloud.iam.authority import Authority
    from cosmic_fmi.localcloud.lambda_.service import LambdaRuntime
    from cosmic_fmi.localcloud.server.gateway import Gateway


# A daemon notices within a second that its folder was moved or removed, and ends within a few.
_LOOK_SECONDS = 1.0
_LOCK_SECONDS = 8.0
# Faults that are on from the start: `NAME=VALUE` words.
FAULTS_VARIABLE = "LOCALCLOUD_FAULTS"


def run(state_dir: Path, code_root: Path, port: int, concurrency: int, runtime: str) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    state_dir, code_root = state_dir.resolve(), code_root.resolve()
    if not code_root.is_dir():
        print(f"--code-root {code_root} is not a folder", file=sys.stderr)
        return 1
    state_dir.mkdir(parents=True, exist_ok=True)
    try:
        with _only_one(state_dir), _listening(port) as listener:
            _serve(state_dir, code_root, listener, concurrency, runtime)
    except (OSError, CannotStartError, UnknownFaultError) as error:
        print(f"localcloud cannot start: {error}", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def _only_one(state_dir: Path) -> Iterator[None]:
    """Hold the state folder's lock, which the system releases with the process, however that ends.

    One that is about to end, because this folder is no longer where it was, is waited for.
    """
    with (state_dir / LOCK_FILE).open("a+") as lock:
        deadline = time.monotonic() + _LOCK_SECONDS
        while not try_lock(lock, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                lock.seek(0)
                raise OSError(
                    f"another one (process {lock.read()}) runs with --state-dir {state_dir}; end it with: "
                    f"cosmic-fmi local stop --state-dir {shlex.quote(str(state_dir))}"
                )
            time.sleep(0.1)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        # Left by one that was killed.
        shutil.rmtree(state_dir / "environments", ignore_errors=True)
        yield


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """A listening socket; taken before moto is imported, which has to know the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise OSError(f"port {port} is taken; choose another with --port, or leave it out") from error
        listener.listen(256)
        yield listener


def _serve(
    state_dir: Path, code_root: Path, listener: socket.socket, concurrency: int, runtime_kind: str
) -> None:
    stopping = _stop_on_signals()
    switches = Switches.of_text(os.environ.get(FAULTS_VARIABLE, ""))
    _raise_descriptor_limit()
    port = listener.getsockname()[1]
    control_plane.configure(port)
    # Only now: importing these imports moto.
    from cosmic_fmi.localcloud.fargate.service import Fargate  # noqa: PLC0415
    from cosmic_fmi.localcloud.lambda_.service import LambdaRuntime, Limits  # noqa: PLC0415
    from cosmic_fmi.localcloud.server.gateway import Gateway  # noqa: PLC0415

    key = f"localcloud-{secrets.token_hex(16)}"
    authority = _authority(key)
    settings = ProcessSettings(
        code_root,
        state_dir,
        f"http://127.0.0.1:{port}",
        lambda role, session: authority.sessions.issue(role, session).environment(),
    )
    host = _host(runtime_kind, settings)
    runtime = LambdaRuntime(host, Limits(concurrency), authority, switches)
    fargate = Fargate(host, runtime)
    state = DaemonState.of_this_process(
        port,
        uuid.uuid4().hex[:12],
        code_root=code_root,
        state_dir=state_dir,
        key=key,
        runtime=runtime_kind,
    )
    actions = _actions(runtime, fargate)
    application = control_plane.application(runtime)
    gateway = Gateway(
        application,
        runtime,
        instance_id=state.instance_id,
        key=key,
        actions=actions,
        on_ecs_change=fargate.wake,
    )
    server = _http_server(listener, gateway)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    state.write(state_dir)
    logging.info(
        "localcloud runs at %s; functions run in %s (%s)", settings.endpoint_url, code_root, runtime_kind
    )
    try:
        while not stopping.wait(_LOOK_SECONDS):
            if state.is_gone(state_dir):
                logging.warning("the state file is gone from %s, and so am I", state_dir)
                break
    finally:
        state.remove(state_dir)
        server.shutdown()
        runtime.close()
        fargate.close()
        host.close()
        logging.info("localcloud stopped")


def _authority(key: str) -> Authority:
    """Without LOCALCLOUD_IAM=off it refuses; LOCALCLOUD_CALLS names a file for what it was asked."""
    from cosmic_fmi.localcloud.iam.authority import Authority  # noqa: PLC0415
    from cosmic_fmi.localcloud.iam.recorder import Recorder  # noqa: PLC0415

    file = os.environ.get("LOCALCLOUD_CALLS")
    return Authority(
        key,
        enforce=os.environ.get("LOCALCLOUD_IAM", "on") != "off",
        recorder=Recorder(Path(file)) if file else None,
    )


def _host(kind: str, settings: ProcessSettings) -> Host:
    """Processes, or containers when there is an engine; EngineError when not."""
    # Who runs processes only needs no Docker library to load.
    if kind == "container":
        from cosmic_fmi.localcloud.sandbox.containers import Containers  # noqa: PLC0415
        from cosmic_fmi.localcloud.sandbox.docker_engine import Engine  # noqa: PLC0415

        return Containers(settings, Engine(settings.state_dir))
    from cosmic_fmi.localcloud.sandbox.processes import Processes  # noqa: PLC0415

    return Processes(settings)


def _raise_descriptor_limit() -> None:
    """Each environment takes half a dozen descriptors, and macOS gives a process 256 unless asked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(hard, 8192)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set, so that both end in the same orderly way."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


def _actions(runtime: LambdaRuntime, fargate: Fargate) -> dict[str, Any]:
    return {
        "stop-functions": lambda: {"stopped": runtime.stop_functions()},
        "reset-idle": lambda: {"stopped": runtime.drop_idle()},
        **_fault_actions(runtime.switches, fargate),
        "status": lambda: {"functions": runtime.status(), "tasks": fargate.status()},
    }


def _fault_actions(switches: Switches, fargate: Fargate) -> dict[str, Any]:
    def describe() -> dict[str, Any]:
        return {"faults": switches.describe()}

    def set_faults(faults: dict[str, float | None]) -> dict[str, Any]:
        switches.set(faults)
        fargate.wake()
        return describe()

    def clear_faults(names: list[str]) -> dict[str, Any]:
        switches.clear(names)
        fargate.wake()
        return describe()

    return {"faults": describe, "set-faults": set_faults, "clear-faults": clear_faults}


def _http_server(listener: socket.socket, application: Gateway) -> MotoObject:
    from moto.moto_server.werkzeug_app import MotoRequestHandler  # noqa: PLC0415
    from werkzeug.serving import make_server  # noqa: PLC0415

    class PromptHandler(MotoRequestHandler):  # type: ignore[misc] # moto is not typed
        """Answers at once: otherwise Nagle's algorithm adds 40 ms to every call."""

        disable_nagle_algorithm = True

    return make_server(
        "127.0.0.1",
        listener.getsockname()[1],
        application,
        threaded=True,
        request_handler=PromptHandler,
        fd=listener.fileno(),
    )
