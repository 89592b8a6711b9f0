"""The message core in C does what the general way in Python does, and hands everything else over to it."""

from __future__ import annotations

import random
import select
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np
import pytest

import fmi
from fmi.protocol.frames import NO_CALL, Abort, Call, Header, Kind, Operation, Waiting, pack_rest
from fmi.protocol.tcpunch import Address
from fmi.transport.connection import Connection
from fmi.transport.core import Core, Outcome, open_core
from fmi.transport.send_queue import ConnectionLost
from tests.fmi.support.worlds import World, needs_core

STREAMS = 300


def core(sharing: float = 1.0) -> Core:
    found = open_core(sharing)
    assert found is not None
    return found


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    with near, far:
        yield near, far


class Receiver:
    """One end of a connection, which takes the next message whenever bytes have come."""

    def __init__(self, sock: socket.socket, native: Core | None) -> None:
        self.connection = Connection(1, sock, deque())
        self.native = native
        self.log: list[object] = []

    def step(self, call: Call, size: int) -> bool:
        """Try to receive a message of a call; whether one came, of this call or another."""
        into = memoryview(bytearray(size))
        if self.native and self.connection.at_frame_boundary:
            outcome = self.native.receive(self.connection.fd, call.prefix + pack_rest(0, size), into, 0.0)
            if outcome == Outcome.DONE:
                self.connection.received += 1
                self.log.append((call, self.native.form, bytes(into)))
                return True
            self.connection.go_on(call, into, self.native.head, self.native.count)
            if outcome == Outcome.ENDED:
                self.connection.end()
        if not self.connection.has(call):
            self.connection.post(call, into)
            self.connection.read_frames()
            self.connection.retract()
        if not self.connection.has(call):
            return False
        frame = self.connection.take(call)
        self.log.append((frame.header.call, frame.header.form, bytes(frame.payload)))
        return True

    def step_on(self, waiting: deque[tuple[Call, int]]) -> None:
        """Receive whatever has come of what is waited for, and read what comes behind it."""
        while waiting and self.step(*waiting[0]):
            waiting.popleft()
        self.connection.read_frames()

    def finish(self) -> tuple[object, ...]:
        connection = self.connection
        states = connection.left, connection.abort, connection.waiting, connection.received, connection.ended
        rest = [(frame.header.call, frame.header.form, bytes(frame.payload)) for frame in connection.inbox]
        return (*self.log, *rest, *states)


def stream(rng: random.Random) -> tuple[bytes, list[tuple[Call, int]]]:
    """A stream of frames, most of them as expected, and what is expected."""
    data, expected = b"", []
    for number in range(rng.randint(1, 12)):
        size = rng.choice([0, 1, 8, 100, 20_000, 70_000])
        call = Call(Operation.ALLREDUCE, number, 12, size)
        payload = rng.randbytes(size)
        kind = rng.random()
        if kind < 0.1:
            header, body = Waiting(call, number).frame()
            data += header.pack() + body
        elif kind < 0.15:
            call = Call(Operation.BARRIER, number)
        elif kind < 0.2:
            size += 1
        data += Header(Kind.DATA, call, rng.choice([0, 1]), len(payload)).pack() + payload
        expected.append((Call(Operation.ALLREDUCE, number, 12, size), size))
    end = rng.random()
    if end < 0.2:
        text = Abort(3, "gave up").pack()
        data += Header(Kind.ABORT, NO_CALL, 0, len(text)).pack() + text
    elif end < 0.4:
        data += Header(Kind.BYE, NO_CALL, 0, 0).pack()
    elif end < 0.5:
        data += rng.randbytes(rng.randint(1, 60))  # no frame
    elif end < 0.7:
        data = data[: rng.randint(0, len(data))]
    return data, expected


def received(native: Core | None, seed: int) -> tuple[object, ...]:
    """What one end has after a stream came in pieces."""
    rng = random.Random(seed)  # noqa: S311 - a test's
    data, expected = stream(rng)
    with pair() as (near, far):
        receiver, waiting = Receiver(near, native), deque(expected)
        try:
            while data:
                cut = rng.choice([1, 31, 32, 33, 40, 5000, 16_000])
                far.sendall(data[:cut])
                data = data[cut:]
                receiver.step_on(waiting)
            far.shutdown(socket.SHUT_WR)
            while not receiver.connection.ended:
                select.select([near], [], [])
                receiver.step_on(waiting)
        except ConnectionLost as lost:
            return (*receiver.finish(), str(lost))
        return receiver.finish()


@needs_core
@pytest.mark.parametrize("part", range(4))
def test_whatever_comes_in_whatever_pieces_is_the_same_with_and_without_the_core(part: int) -> None:
    for seed in range(part, STREAMS, 4):
        assert received(core(), seed) == received(None, seed), seed


@needs_core
def test_a_message_that_is_there_is_received_without_sleeping() -> None:
    native, call = core(), Call(Operation.BARRIER, 5)
    with pair() as (near, far):
        far.sendall(Header(Kind.DATA, call, 1, 3).pack() + b"abc")
        select.select([near], [], [])
        into = memoryview(bytearray(3))
        assert native.receive(near.fileno(), call.prefix + pack_rest(0, 3), into, 1.0) == Outcome.DONE
        assert (bytes(into), native.form, native.sleeps) == (b"abc", 1, 0)


@needs_core
@pytest.mark.parametrize("sharing", [1.0, 2.0])
def test_a_rank_that_hears_nothing_sleeps_and_comes_back(sharing: float) -> None:
    native, call = core(sharing), Call(Operation.BARRIER, 5)
    with pair() as (near, _):
        began, used = time.monotonic(), time.thread_time()
        header = call.prefix + pack_rest(0, 0)
        assert native.receive(near.fileno(), header, memoryview(b""), 0.02) == Outcome.LATE
        assert native.sleeps == 1
        assert native.count == 0
        assert time.monotonic() - began >= 0.02
        assert time.thread_time() - used < 0.015


@needs_core
def test_the_interpreter_runs_while_the_core_waits() -> None:
    native, call = core(), Call(Operation.BARRIER, 5)
    frame = Header(Kind.DATA, call, 0, 0).pack()
    with pair() as (near, far):
        outcomes = []
        header = call.prefix + pack_rest(0, 0)
        waiter = threading.Thread(
            target=lambda: outcomes.append(native.receive(near.fileno(), header, memoryview(b""), 5.0))
        )
        waiter.start()
        far.sendall(frame)
        waiter.join(5)
        assert outcomes == [Outcome.DONE]


class Interrupted(Exception):  # noqa: N818 - a test's
    """What the signal handler raises."""


@pytest.mark.parametrize("operation", ["Recv", "Barrier", "Allreduce"])
def test_a_signal_is_handled_in_the_middle_of_a_call(address: Address, operation: str) -> None:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise Interrupted

    calls: dict[str, Callable[[fmi.Communicator], None]] = {
        "Recv": lambda comm: comm.Recv(np.empty(4), 1 - comm.rank),
        "Barrier": lambda comm: comm.Barrier(),
        "Allreduce": lambda comm: comm.Allreduce(np.ones(4), np.empty(4)),
    }
    with World(2, address) as world:
        world.run(lambda comm: comm.Barrier())
        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(Interrupted):
                calls[operation](world.comms[0])
        finally:
            signal.signal(signal.SIGALRM, before)
        with pytest.raises(fmi.PeerFailure, match="Interrupted"):
            for _ in range(2):  # what rank 0 had sent by then is enough for one
                calls[operation](world.comms[1])


OPERATIONS = {
    fmi.SUM: np.add,
    fmi.PROD: np.multiply,
    fmi.MAX: np.maximum,
    fmi.MIN: np.minimum,
    fmi.BAND: np.bitwise_and,
    fmi.BOR: np.bitwise_or,
    fmi.BXOR: np.bitwise_xor,
}
TYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"]


def samples(dtype: np.dtype[np.generic], rank: int) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
    """Numbers that wrap around, and of floats those that are none."""
    rng = np.random.default_rng(rank)
    values = np.frombuffer(rng.bytes(1000 * dtype.itemsize), dtype).copy()
    if dtype.kind == "f":
        values[:6] = [np.nan, 1, np.inf, -np.inf, np.nan, 0] if rank else [1, np.nan, np.inf, 1, np.nan, -1]
    return values


@pytest.mark.parametrize("name", TYPES)
def test_every_operation_gives_what_numpy_gives(kept_worlds: dict[int, World], name: str) -> None:
    dtype = np.dtype(name)

    def body(comm: fmi.Communicator) -> None:
        for function, ufunc in OPERATIONS.items():
            if dtype.kind == "f" and function in (fmi.BAND, fmi.BOR, fmi.BXOR):
                continue
            result = np.empty(1000, dtype)
            with np.errstate(all="ignore"):
                for _ in range(2):  # the second one is the core's
                    comm.Allreduce(samples(dtype, comm.rank), result, function)
                expected = ufunc(samples(dtype, 0), samples(dtype, 1))
            assert np.array_equal(result, expected, equal_nan=dtype.kind == "f"), function

    kept_worlds[2].run(body)


def test_the_core_is_left_out_where_it_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMI_NATIVE", "0")
    assert open_core(1.0) is None
