"""The message core in C (_core.c), where it was compiled, and `Core`, which waits for messages with it.

FMI_NATIVE=0 leaves it out, and everything goes the general way in Python; FMI_NATIVE=1 makes it an error that
it is missing.
"""

from __future__ import annotations

import ctypes
import enum
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fmi._ops import op
from fmi.compiled import NotUsableError, library_path, load
from fmi.errors import FMIError
from fmi.protocol.frames import FORM_AT, HEADER_BYTES
from fmi.transport.spin import spin_seconds

LIBRARY = library_path(Path(__file__).parent, "_core")
# A rank attends to one connection alone for no longer than this: other peers may have failed, and signals of
# the system are handled in between.
PATIENCE_S = 0.02
_BYTE = ctypes.c_char * 1


class Outcome(enum.IntEnum):
    """How an attempt ended: `enum outcome` of _core.c."""

    DONE = 0
    LATE = 1
    OTHER = 2
    ENDED = 3
    FULL = 4


class _State(ctypes.Structure):
    """`struct core` of _core.c."""

    _fields_: ClassVar = [
        ("spin_s", ctypes.c_double),
        ("patience_s", ctypes.c_double),
        ("shared_until", ctypes.c_double),
        ("pause_s", ctypes.c_double),
        ("preemptions", ctypes.c_int64),
        ("sleeps", ctypes.c_uint64),
        ("step", ctypes.c_uint64),
        ("count", ctypes.c_uint64),
        ("head", ctypes.c_uint8 * HEADER_BYTES),
    ]


class _Step(ctypes.Structure):
    """`struct step` of _core.c."""

    _fields_: ClassVar = [
        ("act", ctypes.c_int32),
        ("fd", ctypes.c_int32),
        ("lo", ctypes.c_uint64),
        ("hi", ctypes.c_uint64),
    ]


class Core:
    """Receives for one rank whatever comes as it is expected.

    Args:
        ranks_per_core: known to share a core; see `fmi.transport.spin`.

    Attributes:
        outcome: of the last attempt.
    """

    def __init__(self, library: ctypes.CDLL, ranks_per_core: float) -> None:
        self._state = _State(spin_s=spin_seconds(ranks_per_core), patience_s=PATIENCE_S)
        self._at = ctypes.addressof(self._state)
        self._head = memoryview(self._state).cast("B")[_State.head.offset :]
        self._receive = library.fmi_receive
        self._run = library.fmi_run
        self.outcome = 0

    @property
    def head(self) -> bytes:
        """The header that came last."""
        return bytes(self._head)

    @property
    def form(self) -> int:
        """The form of the frame that came last."""
        return self._head[FORM_AT]

    @property
    def count(self) -> int:
        """How many bytes of the frame came that is not complete."""
        return int(self._state.count)

    @property
    def sleeps(self) -> int:
        """How often this rank slept."""
        return int(self._state.sleeps)

    @property
    def step(self) -> int:
        """How many steps of a schedule were done."""
        return int(self._state.step)

    def receive(self, fd: int, expected: bytes, into: memoryview, patience_s: float) -> int:
        """Wait for a frame with that header, but for the form; its payload is read into a buffer.

        Args:
            fd: the connection, from which the next byte begins a frame.
            expected: its header.
            into: as long as the payload.
            patience_s: how long to wait; 0 to look whether it is there.

        Returns:
            An `Outcome`, or minus an `errno`. After another one than DONE, `count` bytes have come: those of
            `head`, then some in the buffer.
        """
        self.outcome = int(self._receive(self._at, fd, expected, _memory(into), len(into), patience_s))
        return self.outcome

    def run(self, program: Program, call: bytes) -> int:
        """Carry out a program.

        Args:
            program: the messages.
            call: the header of their frames; the lengths are filled in.

        Returns:
            An `Outcome`, or minus an `errno`. After another one than DONE, message number `step` is not
            complete: `count` bytes of its frame have come, see `receive`, or gone.
        """
        self.outcome = int(self._run(self._at, call, program.at))
        return self.outcome


# What is done with a message: what this rank holds is sent, replaced by what comes, or combined with it: what
# comes is from ranks before or after those whose data this rank holds. As in fmi.collectives and _core.c.
SEND, TAKE, AFTER, BEFORE = range(4)


class _Program(ctypes.Structure):
    """`struct program` of _core.c."""

    _fields_: ClassVar = [
        ("steps", ctypes.POINTER(_Step)),
        ("many", ctypes.c_uint64),
        ("held", ctypes.c_void_p),
        ("received", ctypes.c_void_p),
        ("kind", ctypes.c_int32),
        ("type", ctypes.c_int32),
    ]


class Program:
    """Messages as the core reads them.

    Args:
        messages: of each what is done, the descriptor of the connection, and the first and last byte.
        held: the bytes that this is done with.
        received: room for the largest message that is combined.
        code: how elements are combined; see `combine_code`.

    Attributes:
        at: where the core finds it.
    """

    def __init__(
        self,
        messages: Sequence[tuple[int, int, int, int]],
        held: memoryview,
        received: memoryview,
        code: tuple[int, int],
    ) -> None:
        self._memory = _memory(held), _memory(received)
        addresses = (each and ctypes.addressof(each) for each in self._memory)
        steps = (_Step * len(messages))(*(_Step(*message) for message in messages))
        self._program = _Program(steps, len(messages), *addresses, *code)
        self.at = ctypes.addressof(self._program)


NO_CODE = -1, -1
_KINDS = (op.sum, op.prod, op.max, op.min, op.band, op.bor, op.bxor)
_TYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"]


def _codes() -> dict[tuple[op, np.dtype[Any]], tuple[int, int]]:
    codes = {}
    for kind, operation in enumerate(_KINDS):
        for number, name in enumerate(_TYPES):
            if not (operation in (op.band, op.bor, op.bxor) and name.startswith("float")):
                codes[operation, np.dtype(name)] = kind, number
    return codes


_CODES = _codes()


def combine_code(operation: op, dtype: np.dtype[Any]) -> tuple[int, int] | None:
    """How the core combines such elements; None if it cannot."""
    return _CODES.get((operation, dtype))


def open_core(ranks_per_core: float) -> Core | None:
    """A core for one rank; None without one or with FMI_NATIVE=0. Raises FMIError where FMI_NATIVE=1 asks."""
    wanted = os.environ.get("FMI_NATIVE", "")
    if wanted == "0":
        return None
    try:
        return Core(_library(), ranks_per_core)
    except NotUsableError as error:
        if wanted == "1":
            raise FMIError(f"FMI_NATIVE is 1, but {error}") from error
        return None


def _memory(view: memoryview) -> ctypes.Array[ctypes.c_char] | None:
    """A writable buffer as ctypes passes it on."""
    return _BYTE.from_buffer(view) if view else None


@functools.lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = load(LIBRARY, "fmi_sources")
    library.fmi_receive.argtypes = [
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_uint64,
        ctypes.c_double,
    ]
    library.fmi_run.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return library
