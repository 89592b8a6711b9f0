"""How two ranks that meet through storage make sure of each other.

What lies in storage may have been left there by a run that died, under the same name and with the same
secret. So each rank draws a nonce when it starts, and a greeting carries the sender's nonce and the one it
has read from the receiver: a rank that finds its own nonce there knows that the other one lives, and both
derive from the two nonces a name for their messages that no earlier run has used. It needs each side to write
twice, and no order between them.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
from dataclasses import dataclass

_HELLO = struct.Struct("!I16s16s")
_NO_NONCE = bytes(16)


def new_nonce() -> bytes:
    """A nonce for one rank's life."""
    return secrets.token_bytes(16)


@dataclass
class Hello:
    """What two ranks know of each other, as one of them sees it.

    Attributes:
        mine, theirs: this rank's nonce, and the peer's as last read.
        met: whether the peer has confirmed this rank's nonce.
        their_size: size of the world that the peer is in.
    """

    rank: int
    peer: int
    size: int
    mine: bytes
    theirs: bytes = _NO_NONCE
    paired: bool = False
    their_size: int = 0

    def pack(self) -> bytes:
        """What to write for the peer to read."""
        return _HELLO.pack(self.size, self.mine, self.theirs)

    def hear(self, data: bytes | memoryview) -> bool:
        """Take in what the peer wrote; True when that calls for writing anew. Raises ValueError."""
        try:
            size, theirs, echo = _HELLO.unpack(data)
        except struct.error:
            raise ValueError("it is no greeting") from None
        is_new = bool(theirs != self.theirs)
        self.theirs = theirs
        self.their_size = size
        self.paired = echo == self.mine
        return is_new

    def name(self) -> str:
        """The name of this meeting, the same on both sides and never used before."""
        nonces = (self.mine, self.theirs) if self.rank < self.peer else (self.theirs, self.mine)
        return hashlib.sha256(b"".join(nonces)).hexdigest()[:24]
