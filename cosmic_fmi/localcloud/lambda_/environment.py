"""One Lambda environment: the process or container it runs in, its Runtime API and its log stream."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cosmic_fmi.localcloud.lambda_.endings import error_type_of, exit_reason, failed, milliseconds
from cosmic_fmi.localcloud.lambda_.runtime_api import Event, RuntimeApi
from cosmic_fmi.localcloud.moto import logs
from cosmic_fmi.localcloud.sandbox.base import Host, Sandbox
from cosmic_fmi.localcloud.sandbox.spec import FunctionSpec

# Beyond the function's own timeout: loading a big library on a busy laptop takes longer than Lambda's 10 s.
_INIT_SECONDS = 60.0
# Lambda ends what does not load within 10 s, and loads it again within the first invocation's time limit.
# Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
_INIT_LIMIT_SECONDS = 10.0
_TAIL_BYTES = 4096
# Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_RESPONSE_BYTES = 6 * 1024 * 1024 + 100


@dataclass(frozen=True)
class Result:
    """The end of one invocation; `function_error` is "Unhandled" when the payload describes an error."""

    request_id: str
    payload: bytes
    function_error: str | None
    log_tail: bytes


@dataclass
class _Work:
    event: Event
    done: threading.Event = field(default_factory=threading.Event)
    started: float | None = None
    ended: float | None = None
    payload: bytes = b""
    error: bool = False
    status: str | None = None


class Environment:
    """Runs invocations of one function, one at a time, in one sandbox."""

    def __init__(self, spec: FunctionSpec, host: Host, may_log: Callable[[logs.LogStream], bool]) -> None:
        self.spec = spec
        self.idle_since = time.monotonic()
        self._log = logs.function_stream(spec.region, spec.name, may_log)
        self._tail: deque[str] = deque()
        self._log_lock = threading.Lock()
        self._change = threading.Condition()
        self._work: _Work | None = None
        self._offered = False
        self._init_seconds: float | None = None
        self._init_error: bytes | None = None
        self._exit: int | None = None
        self._killed_for: str | None = None
        self._out_of_memory = False
        self._used = False
        self._peak_mb = 0
        self._closed = False
        self._host = host
        self._api = RuntimeApi(self)
        self._spawned = time.perf_counter()
        try:
            self._sandbox = self._start()
        except BaseException:
            self._api.close()
            raise
        self._watch_exit()

    @property
    def usable(self) -> bool:
        """Whether another invocation can run here."""
        return not self._closed and self._exit is None and self._init_error is None

    def invoke(self, request_id: str, payload: bytes, client_context: str | None = None) -> Result:
        """Run one invocation to its end: a result, an error, a timeout or the end of the sandbox."""
        cold, self._used = not self._used, True
        with self._log_lock:
            self._tail.clear()
        late = cold and not self._loads_in_time()
        if late:
            self._start_again()
        loaded = late or self._wait_until_loaded(cold=cold)
        self._sandbox.flush()
        self._write([logs.start_line(request_id)])
        deadline_ms = int((time.time() + self.spec.timeout_s) * 1000)
        work = _Work(Event(request_id, payload, self.spec.arn, deadline_ms, client_context))
        work.started = time.perf_counter() if late else None
        if loaded:
            self._run(work)
        else:
            self._fail_init(work)
        return self._report(work, cold=cold and not late)

    def kill(self, reason: str = "signal: killed") -> None:
        """End it at once; a running invocation fails with `reason`."""
        with self._change:
            if self._killed_for is None:
                self._killed_for = reason
        self._sandbox.kill()

    def close(self) -> None:
        """End it and give back everything it held."""
        with self._change:
            if self._closed:
                return
            self._closed = True
            self._change.notify_all()
        self._sandbox.close()
        self._api.close()

    def check_memory(self) -> None:
        """Take a sample of the memory used; more than the function has ends it, as on AWS."""
        used = self._sandbox.resident_mb()
        self._peak_mb = max(self._peak_mb, used)
        if used > self.spec.memory_mb:
            self._out_of_memory = True
            self.kill()

    def check_tmp(self) -> None:
        """End it if it has written more to /tmp than the function has; on AWS the write itself fails."""
        if (used := self._sandbox.tmp_mb()) > self.spec.ephemeral_storage_mb:
            self.kill(
                f"no space left on device: {used} MB in /tmp, "
                f"and the function has {self.spec.ephemeral_storage_mb} MB (ephemeral storage)"
            )

    # The Runtime API calls the next three.

    def next_event(self, waiting: Callable[[], bool]) -> Event | None:
        """Block until there is an event for the process; who has hung up leaves it to the next one."""
        with self._change:
            if self._init_seconds is None:
                self._init_seconds = time.perf_counter() - self._spawned
            self._change.notify_all()
            self._change.wait_for(lambda: self._offered or self._closed or self._exit is not None)
            if not self._offered or self._work is None or not waiting():
                return None
            self._offered = False
            self._work.started = self._work.started or time.perf_counter()
            return self._work.event

    def responded(self, request_id: str, payload: bytes, *, error: bool) -> bool:
        """Take what the handler returned or raised."""
        with self._change:
            work = self._work
            if work is None or work.event.request_id != request_id:
                return False
            if len(payload) > _RESPONSE_BYTES:
                message = (
                    f"Response payload size exceeded maximum allowed payload size ({_RESPONSE_BYTES} bytes)."
                )
                payload, error = failed("Function.ResponseSizeTooLarge", message), True
            return self._finish(work, payload, error=error)

    def init_failed(self, payload: bytes) -> None:
        """Take the error that kept the handler from loading."""
        with self._change:
            self._init_error = payload
            if self._work is not None:  # loaded within an invocation
                self._finish(self._work, payload, error=True)
            self._change.notify_all()

    def _start(self) -> Sandbox:
        return self._host.start_function(self.spec, self._api.address, self._log, self._write_output)

    def _watch_exit(self) -> None:
        threading.Thread(
            target=self._await_exit, args=(self._sandbox,), name=f"exit-{self.spec.name}", daemon=True
        ).start()

    def _loads_in_time(self) -> bool:
        """Whether loading ends within Lambda's limit, where the time without a processor can be told."""
        while (waited := self._sandbox.waited_s()) is not None:
            left = _INIT_LIMIT_SECONDS - (time.perf_counter() - self._spawned - waited)
            if left <= 0:
                return self._load_ended()
            with self._change:
                if self._change.wait_for(self._load_ended, timeout=left):
                    return True
        return True

    def _start_again(self) -> None:
        """End what does not load, and begin anew."""
        late = self._sandbox
        self._write([logs.init_timeout_line(_INIT_LIMIT_SECONDS)])
        with self._change:
            self._sandbox = self._start()
        late.close()
        self._watch_exit()

    def _wait_until_loaded(self, *, cold: bool) -> bool:
        limit = self.spec.timeout_s + _INIT_SECONDS
        with self._change:
            self._change.wait_for(self._load_ended, timeout=limit)
            ready = self._init_seconds is not None and self._exit is None
        if ready and cold:
            self._sandbox.loaded()
        return ready

    def _load_ended(self) -> bool:
        return self._init_seconds is not None or self._init_error is not None or self._exit is not None

    def _run(self, work: _Work) -> None:
        with self._change:
            self._work, self._offered = work, True
            self._change.notify_all()
            if self._exit is not None:
                self._finish_with_exit(work)
        if not work.done.wait(self.spec.timeout_s):
            self._time_out(work)
        with self._change:
            self._work, self._offered = None, False

    def _finish(self, work: _Work, payload: bytes, *, error: bool, status: str | None = None) -> bool:
        """Set the end of `work` unless it has one already; the caller holds the lock."""
        if work.done.is_set():
            return False
        work.ended = time.perf_counter()
        work.payload, work.error = payload, error
        work.status = status or ("error" if error else None)
        work.done.set()
        return True

    def _time_out(self, work: _Work) -> None:
        request_id, seconds = work.event.request_id, self.spec.timeout_s
        message = f"{logs.timestamp()} {request_id} Task timed out after {seconds:.2f} seconds"
        with self._change:
            timed_out = self._finish(work, failed("Sandbox.Timedout", message), error=True, status="timeout")
            if timed_out and work.started is not None:
                work.ended = work.started + seconds  # what AWS bills, whenever this thread woke up
        if timed_out:
            self.kill()
            self._sandbox.wait()
            self._sandbox.flush()
            self._write([f"{message}\n"])

    def _fail_init(self, work: _Work) -> None:
        with self._change:
            if self._init_error is not None:
                self._finish(work, self._init_error, error=True)
            elif self._exit is not None:
                self._finish_with_exit(work)
            else:
                message = f"RequestId: {work.event.request_id} Error: the function did not load in time"
                self._finish(work, failed("Sandbox.Timedout", message), error=True, status="timeout")
        self.kill()

    def _finish_with_exit(self, work: _Work) -> None:
        reason = exit_reason(self._exit or 0, self._killed_for)
        message = f"RequestId: {work.event.request_id} Error: {reason}"
        starved = self._out_of_memory or self._sandbox.out_of_memory()
        kind = "Runtime.OutOfMemory" if starved else "Runtime.ExitError"
        self._finish(work, failed(kind, message), error=True)

    def _await_exit(self, sandbox: Sandbox) -> None:
        status = sandbox.wait()
        with self._change:
            if sandbox is not self._sandbox:
                return  # another has taken its place
            self._exit = status
            if self._work is not None:
                self._finish_with_exit(self._work)
            self._change.notify_all()

    def _report(self, work: _Work, *, cold: bool) -> Result:
        """Write what is left of the output, then END and REPORT, so that REPORT is the last line."""
        request_id = work.event.request_id
        self._peak_mb = max(self._peak_mb, self._sandbox.peak_mb())
        self._sandbox.flush()
        error_type = error_type_of(work.payload) if work.error else None
        if error_type in ("Runtime.ExitError", "Runtime.OutOfMemory"):
            self._write([f"{json.loads(work.payload)['errorMessage']}\n", f"{error_type}\n"])
        usage = logs.Usage(
            duration_ms=milliseconds(work.started, work.ended),
            init_ms=self._init_seconds * 1000 if cold and self._init_seconds is not None else None,
            memory_size_mb=self.spec.memory_mb,
            max_memory_mb=min(self._peak_mb, self.spec.memory_mb),
            status=work.status,
            error_type=error_type if work.status == "error" else None,
        )
        self._write([logs.end_line(request_id), logs.report_line(request_id, usage)])
        self.idle_since = time.monotonic()
        tail = "".join(self._tail).encode()[-_TAIL_BYTES:]
        return Result(request_id, work.payload, "Unhandled" if work.error else None, tail)

    def _write_output(self, lines: Sequence[str]) -> None:
        # awslambdaric joins the lines of a traceback with carriage returns, so that it stays one event.
        self._write([line.replace("\r\n", "\n").replace("\r", "\n") for line in lines])

    def _write(self, lines: Sequence[str]) -> None:
        with self._log_lock:
            self._log.write(lines)
            self._tail.extend(lines)
            while sum(map(len, self._tail)) - len(self._tail[0]) > _TAIL_BYTES:
                self._tail.popleft()
