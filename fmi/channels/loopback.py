"""Messages of a rank to itself."""

from __future__ import annotations

from collections import deque

from fmi.errors import FMIError, MismatchError
from fmi.protocol.frames import Call, Frame, Header, Kind
from fmi.protocol.transfer import ReceiveTransfer, Transfer


class Loopback:
    """Messages of a rank to itself, each side in order; requests and Sendrecv may have them."""

    def __init__(self, rank: int) -> None:
        self._rank = rank
        self._sent: deque[Frame] = deque()
        self._expected: deque[ReceiveTransfer] = deque()

    def start(self, call: Call, payload: memoryview, form: int) -> Transfer:
        """Send; the payload is copied, so this is done at once."""
        copy = memoryview(bytearray(payload))
        self._sent.append(Frame(Header(Kind.DATA, call, form, len(copy)), copy))
        self._match()
        return Transfer(self._rank, call, done=True)

    def expect(self, call: Call, into: memoryview | None) -> ReceiveTransfer:
        """Start receiving the next message."""
        expected = ReceiveTransfer(self._rank, call, into)
        self._expected.append(expected)
        self._match()
        return expected

    def complete(self, expected: Transfer) -> None:
        """Raise FMIError unless it is done: while this rank waits it cannot send."""
        if not expected.done:
            raise FMIError(f"rank {self._rank} waits for {expected.call} from itself, which it has not sent")

    def _match(self) -> None:
        while self._sent and self._expected:
            frame, expected = self._sent.popleft(), self._expected.popleft()
            size = frame.header.length
            if frame.header.call != expected.call or len(expected.into or frame.payload) != size:
                raise MismatchError(
                    f"rank {self._rank} expects {expected.call} from itself, but sent {frame.header.call}"
                )
            if expected.into is not None:
                expected.into[:] = frame.payload
            expected.frame = frame
            expected.done = True
