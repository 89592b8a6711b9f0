"""Messages under way, as channels see them; `fmi.Request` is what users see."""

from __future__ import annotations

from fmi.protocol.frames import Call, Frame

# In a frame's form byte: its sender did not wait for it, so later collective calls may overtake it.
OUT_OF_ORDER = 0x80
FORM_MASK = 0x7F


class Transfer:
    """A message under way.

    Attributes:
        peer: the other rank.
        call: which message it is.
        done: whether it is over: what was sent may change, what was received is there.
    """

    def __init__(self, peer: int, call: Call, done: bool = False) -> None:
        self.peer = peer
        self.call = call
        self.done = done

    def __str__(self) -> str:
        return f"{self.call} with rank {self.peer}"


class SendTransfer(Transfer):
    """A message that is being sent.

    Attributes:
        mark: the message is on its way when the connection has sent this many of the bytes that it queued.
    """

    def __init__(self, peer: int, call: Call, done: bool = False) -> None:
        super().__init__(peer, call, done)
        self.mark = 0


class ReceiveTransfer(Transfer):
    """A message that is being received.

    Attributes:
        into: the buffer for its payload; None for a new one, as long as the payload is.
        frame: the message, once it is here; its payload is `into` if it was read straight into it.
    """

    def __init__(self, peer: int, call: Call, into: memoryview | None) -> None:
        super().__init__(peer, call)
        self.into = into
        self.frame: Frame | None = None

    @property
    def form(self) -> int:
        """The form of the message that came."""
        assert self.frame is not None  # noqa: S101 - asked only when done
        return self.frame.header.form & FORM_MASK

    @property
    def payload(self) -> memoryview:
        """The payload of the message that came."""
        assert self.frame is not None  # noqa: S101 - asked only when done
        return self.frame.payload
