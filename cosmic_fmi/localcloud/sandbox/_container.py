"""One container: its output line by line, its memory, and its end."""

from __future__ import annotations

import logging
import os
import socket
import threading
from contextlib import suppress

from docker.errors import APIError, NotFound

from cosmic_fmi.localcloud.sandbox.base import Sink
from cosmic_fmi.localcloud.sandbox.docker_engine import Engine
from cosmic_fmi.localcloud.sandbox.docker_stream import Frames, MarkedOutput
from cosmic_fmi.localcloud.sandbox.output import OutputReader

_LOG = logging.getLogger(__name__)
_REPLY_SECONDS = 5.0
_SIGNALLED = 128

# Runs beside the function, as its user. A line "?" is answered with the resident memory of the first process
# and its peak (kB); any other line is a mark for both of its outputs. When nobody holds the other end any
# more, because the daemon was killed, everything in the container ends.
_HELPER = """
exec 3>/proc/1/fd/1 4>/proc/1/fd/2
main=
while read -r line; do
  if [ "$line" != "?" ]; then printf '%s\\n' "$line" >&3; printf '%s\\n' "$line" >&4; continue; fi
  [ -n "$main" ] || read -r main rest < /proc/1/task/1/children
  now=0 peak=0
  while read -r key value rest; do
    case $key in VmHWM:) peak=$value;; VmRSS:) now=$value; break;; esac
  done 2>/dev/null < "/proc/$main/status"
  echo "$now $peak"
done
kill -9 -1
"""


class Container:
    """A container that was created with `engine`, started here; `limit_mb` is what its processes may hold."""

    def __init__(self, engine: Engine, container: str, limit_mb: int, sink: Sink) -> None:
        self.id = container
        self._engine = engine
        self._limit_mb = limit_mb
        self._marks = MarkedOutput()
        self._status: int | None = None
        self._starved = False
        self._peak_mb = 0
        self._exited = threading.Event()
        try:
            attached = engine.api.attach_socket(container, params={"stdout": 1, "stderr": 1, "stream": 1})
            self._output = OutputReader(
                _own_descriptor(attached), sink, decode=self._marks.decode, end=self._marks.end
            )
            attached.close()
            engine.api.start(container)
        except BaseException:
            engine.remove(container)
            raise
        self._helper = _Helper(engine, container)
        threading.Thread(target=self._await_exit, name=f"exit-{container[:12]}", daemon=True).start()

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._status

    def loaded(self) -> None:
        """Nothing, unless a subclass limits what comes after loading."""

    def flush(self) -> None:
        """Pass on every line that was written before this call, an unfinished last one too."""
        if not self._exited.is_set():
            number, mark = self._marks.next_mark()
            if self._helper.send(mark) and not self._marks.wait_for(number, _REPLY_SECONDS):
                _LOG.warning("container %s: its output does not come in time", self.id[:12])
        else:
            self._marks.wait_for_end(_REPLY_SECONDS)
        self._output.flush()

    def resident_mb(self) -> int:
        """Memory of the first process now, rounded up; 0 when it has ended."""
        if self._exited.is_set():
            return 0
        now, peak = self._helper.memory_mb()
        self._peak_mb = max(self._peak_mb, peak)
        return now

    def peak_mb(self) -> int:
        """The most memory that the first process had; all there is, when it was killed for wanting more."""
        self.resident_mb()
        return self._limit_mb if self._starved else self._peak_mb

    def tmp_mb(self) -> int:
        """Nothing to look at: its /tmp is a file system of the right size."""
        return 0

    def waited_s(self) -> float | None:
        """Unknown: so loading has no limit of its own here."""
        return None

    def out_of_memory(self) -> bool:
        """Whether the engine has ended it for wanting more memory than it may have."""
        return self._starved

    def wait(self) -> int:
        """Block until it has ended; its exit status, or minus the number of the signal that ended it."""
        self._exited.wait()
        assert self._status is not None  # noqa: S101 - set before the event
        return self._status

    def kill(self) -> None:
        """SIGKILL; nothing happens when it has ended."""
        with suppress(APIError):
            self._engine.api.kill(self.id)

    def terminate(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds."""
        with suppress(APIError):
            self._engine.api.stop(self.id, timeout=round(grace))
        self._exited.wait()

    def close(self) -> None:
        """End it, pass on its last output, and remove it."""
        self.kill()
        self._exited.wait()
        self._marks.wait_for_end(_REPLY_SECONDS)
        self._output.close()
        self._helper.close()
        self._engine.remove(self.id)

    def _await_exit(self) -> None:
        try:
            code = int(self._engine.api.wait(self.id, timeout=None)["StatusCode"])
            state = self._engine.api.inspect_container(self.id)["State"]
            self._starved = bool(state["OOMKilled"])
        except (NotFound, OSError):
            code = _SIGNALLED + 9  # somebody else removed it, or the engine went away with all that it ran
        self._status = _SIGNALLED - code if code > _SIGNALLED else code
        self._exited.set()


class _Helper:
    """The other end of the helper's standard input and output."""

    def __init__(self, engine: Engine, container: str) -> None:
        self._lock = threading.Lock()
        self._frames = Frames()
        self._socket: socket.socket | None = None
        try:
            command = engine.api.exec_create(container, ["sh", "-c", _HELPER], stdin=True)
            started = engine.api.exec_start(command["Id"], socket=True)
        except (APIError, OSError) as error:
            # It has ended already, or its image has no shell; its output then comes when it comes.
            _LOG.info("container %s: no helper (%s)", container[:12], error)
            return
        self._socket = socket.socket(fileno=_own_descriptor(started))
        started.close()
        self._socket.settimeout(_REPLY_SECONDS)

    def send(self, line: bytes) -> bool:
        """Write a line to it; False when it is gone."""
        with self._lock:
            return self._send(line)

    def memory_mb(self) -> tuple[int, int]:
        """Memory now and its peak, in MB rounded up; zeros when it is gone."""
        with self._lock:
            answer = b""
            try:
                while self._socket and self._send(b"?\n" if not answer else b"") and b"\n" not in answer:
                    if not (data := self._socket.recv(4096)):
                        return 0, 0
                    answer += b"".join(content for _, content in self._frames.feed(data))
            except OSError:
                return 0, 0
        words = answer.split()
        return (-(-int(words[0]) // 1024), -(-int(words[1]) // 1024)) if len(words) == 2 else (0, 0)

    def close(self) -> None:
        """Let it end."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def _send(self, line: bytes) -> bool:
        try:
            if self._socket is None:
                return False
            self._socket.sendall(line)
        except OSError:
            return False
        return True


def _own_descriptor(attached: object) -> int:
    """A descriptor of a connection that docker-py took over from HTTP, independent of its objects."""
    return os.dup(attached.fileno())  # type: ignore[attr-defined]
