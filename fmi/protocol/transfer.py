"""Messages under way: what a request is made of, below the interface."""

from __future__ import annotations

from fmi.protocol.frames import Call, Frame

# In a frame's form byte: its sender did not wait for it, so the collective calls after it may overtake it.
OUT_OF_ORDER = 0x80
FORM_MASK = 0x7F


class Transfer:
    """A message that was begun and need not be over.

    Attributes:
        peer: the other rank.
        call: which message it is.
        done: it is over: what was sent may change, what was received is there.
    """

    def __init__(self, peer: int, call: Call, done: bool = False) -> None:
        self.peer = peer
        self.call = call
        self.done = done


class SendTransfer(Transfer):
    """A message that is being sent.

    Attributes:
        mark: it is on its way when the connection has sent so many bytes of those it had to queue.
    """

    def __init__(self, peer: int, call: Call, done: bool = False) -> None:
        super().__init__(peer, call, done)
        self.mark = 0


class ReceiveTransfer(Transfer):
    """A message that was asked for before it came.

    Attributes:
        into: where its payload goes; None for a fresh buffer, as long as the payload is.
        frame: the message, once it is here; its payload is `into` if it was read straight to there.
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
        """What came."""
        assert self.frame is not None  # noqa: S101 - asked only when done
        return self.frame.payload
