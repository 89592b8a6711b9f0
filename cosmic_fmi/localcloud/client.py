"""Start, find and stop the daemon: the side of localcloud that other programs import."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import HTTPError

import psutil

from cosmic_fmi.localcloud.server import daemon_process
from cosmic_fmi.localcloud.state import LOG_FILE, DaemonState, lock_holder

REGION = "us-east-1"
_PACKAGE = Path(__file__).resolve().parent
# On a loaded machine an answer may take seconds, and a second daemon could not start beside the first.
_ANSWER_SECONDS = 20.0
# Requests to the daemon must never travel through a proxy of the user's.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class StartError(RuntimeError):
    """The daemon ended or did not answer in time; the message ends with the last lines of its log."""


class EmbeddedAWS:
    """One embedded AWS, whose daemon keeps its log, state file and /tmp folders in `state_dir`.

    `code_root` is the folder that functions and tasks run in (what /var/task is on AWS). `port` 0 takes a
    free one. `concurrency` is the account's limit of concurrent Lambda executions. `runtime` says where
    functions and tasks run: as a "process", or as a "container" of the image they name, for which a Docker
    engine has to run and hold that image. As a context manager it starts on entry and stops on exit.
    """

    def __init__(
        self,
        state_dir: Path,
        code_root: Path,
        port: int = 0,
        concurrency: int = 1000,
        runtime: str = "process",
    ) -> None:
        self.state_dir = Path(state_dir).resolve()
        self.code_root = Path(code_root).resolve()
        self._port = port
        self._concurrency = concurrency
        self._runtime = runtime
        self._state: DaemonState | None = None
        self._child: subprocess.Popen[bytes] | None = None

    @classmethod
    def attach(cls, state_dir: Path) -> EmbeddedAWS | None:
        """The embedded AWS that runs with this `state_dir`, or None."""
        state = DaemonState.read(Path(state_dir))
        if state is None or state.process() is None:
            return None
        cloud = cls(state_dir, Path(state.code_root), state.port, runtime=state.runtime)
        cloud._state = state
        return cloud if cloud.answers() else None

    @property
    def endpoint_url(self) -> str:
        """Where every AWS service answers, such as http://127.0.0.1:4566."""
        return f"http://127.0.0.1:{self._running().port}"

    @property
    def instance_id(self) -> str:
        """Differs for every start: what the daemon holds is in memory and begins empty."""
        return self._running().instance_id

    @property
    def runtime(self) -> str:
        """Where functions and tasks run: process or container."""
        return self._runtime

    @property
    def outdated(self) -> bool:
        """Whether the daemon's own code was changed after its start, by a `git pull` for example."""
        started = self._running().created
        return any(path.stat().st_mtime > started for path in _PACKAGE.glob("*.py"))

    @property
    def log_file(self) -> Path:
        """The daemon's own log."""
        return self.state_dir / LOG_FILE

    def environment(self) -> dict[str, str]:
        """Environment variables that point boto3, the AWS CLI and Terraform at this embedded AWS."""
        bypass = [os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or "", "127.0.0.1,localhost"]
        no_proxy = ",".join(part for part in bypass if part)
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self._running().key,
            "AWS_SECRET_ACCESS_KEY": "localcloud",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
        }

    def start(self, timeout: float = 60.0) -> None:
        """Start the daemon and wait until it answers; one that runs with this `state_dir` is taken over.

        Raises StartError, with the end of the daemon's log, when it is not up after `timeout` seconds.
        """
        running = self.attach(self.state_dir)
        if running is not None:
            self._state = running._state
            return
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self._child = self._spawn()
        try:
            self._state = self._wait_until_up(self._child, time.monotonic() + timeout)
        except BaseException:
            # KeyboardInterrupt too: an interrupted start must not leave a daemon behind.
            self._child.kill()
            self._child.wait()
            raise

    def stop(self, timeout: float = 15.0) -> bool:
        """End the daemon, whether it answers or not, and every process that it started; False when there is
        none.
        """
        state = self._state or DaemonState.read(self.state_dir)
        process = (state and state.process()) or lock_holder(self.state_dir)
        if process is not None:
            _end_tree(process, timeout)
        if state is not None:
            state.remove(self.state_dir)
            _remove_containers(state, self.state_dir)
        if self._child is not None:
            self._child.wait()
            self._child = None
        self._state = None
        return process is not None

    def stop_functions(self) -> int:
        """End every running Lambda invocation with an error; how many there were."""
        return int(self.admin("stop-functions")["stopped"])

    def set_faults(self, **faults: float | None) -> None:
        """Switch faults on (`s3_slowdown=0.2`; None is the usual value), on top of those that are on.

        The names are those of `cosmic-fmi local fault`, with underscores. ValueError says what is wrong.
        """
        self.admin("set-faults", faults={name.replace("_", "-"): value for name, value in faults.items()})

    def clear_faults(self, *names: str) -> None:
        """Switch these faults off, or all. ValueError says what is wrong."""
        self.admin("clear-faults", names=[name.replace("_", "-") for name in names])

    def admin(self, action: str, **arguments: object) -> dict[str, Any]:
        """POST one of the daemon's own actions (`stop-functions`, `reset-idle`, `status`, `faults`).

        Returns its answer. ValueError, with the daemon's sentence, when it refuses the arguments.
        """
        request = urllib.request.Request(  # noqa: S310
            f"{self.endpoint_url}/_localcloud/{action}",
            headers={"Authorization": f"Bearer {self._running().key}"},
            data=json.dumps(arguments).encode(),
            method="POST",
        )
        try:
            with _OPENER.open(request, timeout=30) as response:
                answer: dict[str, Any] = json.load(response)
        except HTTPError as error:
            if error.code != HTTPStatus.BAD_REQUEST:
                raise
            raise ValueError(json.load(error)["message"]) from None
        return answer

    def runs(self) -> bool:
        """Whether the daemon's process is there, whether it answers or not."""
        return self._running().process() is not None

    def answers(self) -> bool:
        """Whether the daemon answers within some seconds."""
        try:
            with _OPENER.open(f"{self.endpoint_url}/_localcloud/health", timeout=_ANSWER_SECONDS) as response:
                return bool(json.load(response)["instance_id"] == self.instance_id)
        except (OSError, ValueError, KeyError):
            return False

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the daemon's log; empty where there is none."""
        try:
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def __enter__(self) -> EmbeddedAWS:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _running(self) -> DaemonState:
        if self._state is None:
            raise RuntimeError("the embedded AWS is not running: call start() first")
        return self._state

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = daemon_process.command(
            self.state_dir, self.code_root, self._port, self._concurrency, self._runtime
        )
        search = [str(_PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in search if part)}
        with self.log_file.open("wb" if lock_holder(self.state_dir) is None else "ab") as log:
            # Its own session: a Ctrl-C on the terminal reaches only the caller, which decides what to stop.
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def _wait_until_up(self, child: subprocess.Popen[bytes], deadline: float) -> DaemonState:
        while time.monotonic() < deadline:
            state = DaemonState.read(self.state_dir)
            if state is not None and state.pid == child.pid:
                return state  # the daemon writes the file only once its port answers
            if child.poll() is not None:
                raise StartError(f"localcloud ended with status {child.returncode}:\n{self.log_tail()}")
            time.sleep(0.02)
        raise StartError(f"localcloud did not answer in time; the end of {self.log_file}:\n{self.log_tail()}")


def _remove_containers(state: DaemonState, state_dir: Path) -> None:
    """Those of a daemon that had to be killed, or found no time."""
    if state.runtime == "container":
        # Who runs processes only needs no Docker library to load.
        from cosmic_fmi.localcloud.sandbox.docker_engine import Engine, EngineError  # noqa: PLC0415

        try:
            engine = Engine(state_dir)
        except EngineError:
            return  # whatever ran there went with the engine
        engine.remove_all()
        engine.close()


def _end_tree(process: psutil.Process, timeout: float) -> None:
    """SIGTERM, then SIGKILL for the daemon and for what it started, in whatever process groups they are."""
    family = [process]
    try:
        family += process.children(recursive=True)
        process.terminate()
        process.wait(timeout)
    except psutil.TimeoutExpired:
        process.kill()
    except psutil.NoSuchProcess:
        pass
    # Functions and tasks end by themselves once the daemon has ended; those that do not are killed.
    _, alive = psutil.wait_procs(family, timeout=3)
    for survivor in alive:
        try:
            survivor.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=3)
