"""Frames: what goes over an authenticated connection between two ranks.

A frame is a 32-byte header and a payload. The header says which call of which operation the payload belongs
to, so that two ranks that do not agree learn it from the first frame, and not from garbage in the data.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import NamedTuple

from fmi._datatypes import NO_DTYPE, OBJECT, dtype_name
from fmi._ops import function_name

# What all frames of one call have in common comes first, so that it is packed once for each call.
_CALL = struct.Struct("<BBBBIIQ")
_REST = struct.Struct("<B3xQ")
CALL_BYTES = _CALL.size
HEADER_BYTES = CALL_BYTES + _REST.size
FORM_AT = CALL_BYTES  # the offset of the form in a header
_COUNT = struct.Struct("<Q")
_NUMBER = struct.Struct("<I")
_NUMBER_AT = 8  # the offset of the call's number in a header
NO_ROOT = 0xFFFFFFFF
SEQUENCE_MASK = 0xFFFFFFFF
# In a sequence number: a message of a collective call that nobody waits for. See `part_of`.
PART = 1 << 31
# In the root of such a message: the call's operation is above these bits.
_ROOT_BITS = 24
_ROOT_MASK = (1 << _ROOT_BITS) - 1


class Kind(enum.IntEnum):
    """What a frame is for."""

    DATA = 1
    BYE = 2
    ABORT = 3
    WAIT = 4


class Operation(enum.IntEnum):
    """The operation a data frame belongs to."""

    NONE = 0
    SEND = 1
    BCAST = 2
    BARRIER = 3
    GATHER = 4
    SCATTER = 5
    REDUCE = 6
    ALLREDUCE = 7
    SCAN = 8
    ALLGATHER = 9
    ALLTOALL = 10
    REDUCE_SCATTER = 11
    EXSCAN = 12
    GATHERV = 13
    SCATTERV = 14
    ALLGATHERV = 15
    SPLIT = 16


class Call:
    """One call of one operation, alike on every rank that takes part.

    Attributes:
        operation: which one.
        sequence: how many collective calls (or, for send, messages between the two ranks) came before it.
        dtype: code of the element type, see `fmi._datatypes`.
        elements: number of elements of the whole call; 0 where only some ranks know it.
        root: the root's rank, or NO_ROOT.
        function: `func.code`, or 0.
        prefix: the first bytes of every data frame of this call.
    """

    __slots__ = ("dtype", "elements", "function", "operation", "prefix", "root", "sequence")

    def __init__(  # noqa: PLR0917 - they are the fields on the wire
        self,
        operation: Operation,
        sequence: int,
        dtype: int = 0,
        elements: int = 0,
        root: int = NO_ROOT,
        function: int = 0,
    ) -> None:
        self.operation = operation
        self.sequence = sequence
        self.dtype = dtype
        self.elements = elements
        self.root = root
        self.function = function
        self.prefix = _CALL.pack(Kind.DATA, operation, dtype, function, root, sequence, elements)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and self.prefix == other.prefix

    def __hash__(self) -> int:
        return hash(self.prefix)

    def is_after(self, other: Call) -> bool:
        """Whether this collective call comes after another one; the numbers wrap around."""
        return 0 < (self.sequence - other.sequence) & SEQUENCE_MASK <= SEQUENCE_MASK >> 1

    def __str__(self) -> str:
        operation, root, prefix, sequence = self.operation, self.root, "", self.sequence
        if operation is Operation.SEND and root != NO_ROOT:
            operation, root, prefix = Operation(root >> _ROOT_BITS), root & _ROOT_MASK, "i"
            root = NO_ROOT if root == _ROOT_MASK else root
            sequence &= ~PART
        parts = []
        if self.dtype == OBJECT:
            parts.append("object")
        elif self.dtype != NO_DTYPE:
            count = f"{self.elements} x " if self.elements else ""
            parts.append(count + dtype_name(self.dtype))
        if root != NO_ROOT:
            parts.append(f"root {root}")
        if self.function:
            parts.append(f"function {function_name(self.function)}")
        number = "message" if self.operation is Operation.SEND else "call"
        return f"{prefix}{operation.name.lower()}({', '.join(parts)}), {number} {sequence}"


def part_of(call: Call, number: int) -> Call:
    """A message of a collective call that nobody waits for.

    It is numbered as a message from send to recv, but on its own, and says to which call it belongs.
    """
    root = call.operation << _ROOT_BITS | (call.root & _ROOT_MASK)
    return Call(Operation.SEND, PART | number, call.dtype, call.elements, root, call.function)


NO_CALL = Call(Operation.NONE, SEQUENCE_MASK)


class Header(NamedTuple):
    """A frame's header."""

    kind: Kind
    call: Call
    form: int
    length: int

    def pack(self) -> bytes:
        """The header's 32 bytes."""
        return bytes((self.kind,)) + self.call.prefix[1:] + _REST.pack(self.form, self.length)


pack_rest = _REST.pack  # (form, length) → what follows the call's prefix in a header


def payload_bytes(header: bytes) -> int:
    """The length of the payload behind a header."""
    return int(_REST.unpack_from(header, CALL_BYTES)[1])


class NumberedHeader:
    """The headers of data frames that differ only in the number of their call."""

    def __init__(self, call: Call, form: int, length: int) -> None:
        header = Header(Kind.DATA, call, form, length).pack()
        self._before, self._after = header[:_NUMBER_AT], header[_NUMBER_AT + _NUMBER.size :]

    def numbered(self, sequence: int) -> bytes:
        """The header of the call with that number."""
        return self._before + _NUMBER.pack(sequence) + self._after


@dataclass(slots=True)
class Frame:
    """A received frame."""

    header: Header
    payload: memoryview


def call_of(data: bytes | bytearray | memoryview) -> Call:
    """Parse the call of a header. Raises ValueError when there is no such operation."""
    _, operation, dtype, function, root, sequence, elements = _CALL.unpack_from(data)
    return Call(Operation(operation), sequence, dtype, elements, root, function)


def unpack_header(data: bytes | bytearray | memoryview) -> Header:
    """Parse a header. Raises ValueError when the bytes are not one."""
    form, length = _REST.unpack_from(data, CALL_BYTES)
    return Header(Kind(data[0]), call_of(data), form, length)


class Waiting(NamedTuple):
    """A WAIT frame: in which call its sender waits for the receiver, and for which frame.

    Attributes:
        call: the call in which it waits.
        received: how many data frames it has had from the receiver. If the receiver has sent no more than
            that, the sender waits for something that the receiver has not sent.
    """

    call: Call
    received: int

    def frame(self) -> tuple[Header, bytes]:
        """Header and payload."""
        return Header(Kind.WAIT, self.call, 0, _COUNT.size), _COUNT.pack(self.received)

    @classmethod
    def of(cls, header: Header, payload: memoryview) -> Waiting:
        """Parse. Raises ValueError when the payload is none."""
        if len(payload) != _COUNT.size:
            raise ValueError(f"a WAIT frame carries {_COUNT.size} bytes, not {len(payload)}")
        return cls(header.call, _COUNT.unpack(payload)[0])


class Abort(NamedTuple):
    """Payload of an ABORT frame: which rank failed and why, or which two ranks do not agree.

    It is also the note at the rendezvous server, which holds only 36 bytes.
    """

    rank: int
    reason: str
    mismatch: bool = False

    def pack(self, limit: int = 4096) -> bytes:
        """`!` or `:` after the rank tells mismatch from failure; cut to `limit` bytes."""
        mark = "!" if self.mismatch else ":"
        text = f"{self.rank}{mark}{self.reason}".replace("\0", "").encode()[:limit]
        return text.decode(errors="ignore").encode()

    @classmethod
    def unpack(cls, data: bytes, sender: int) -> Abort:
        """Parse; anything unreadable counts as a failure of the sender."""
        text = data.decode(errors="replace")
        digits = len(text) - len(text.lstrip("0123456789"))
        if not digits or text[digits : digits + 1] not in ("!", ":"):
            return cls(sender, text or "it aborted")
        return cls(int(text[:digits]), text[digits + 1 :] or "it aborted", text[digits] == "!")
