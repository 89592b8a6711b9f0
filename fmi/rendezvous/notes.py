"""The notes that ranks leave for each other at the rendezvous server, sealed with the world's secret.

A note is an HMAC-SHA256 of 32 bytes, not truncated, and the text that it covers together with the pairing's
name. Whoever sees the name at the server, or in the traffic, can leave a note too, but none that is believed.
"""

from __future__ import annotations

import hashlib
import hmac

from fmi.errors import FMIError, PeerFailure
from fmi.protocol.frames import Abort
from fmi.protocol.tcpunch import NOTE_BYTES
from fmi.rendezvous.handshake import AttemptFailed, Pair

_SEAL_BYTES = hashlib.sha256().digest_size


def sealed(pair: Pair, abort: Abort) -> bytes:
    """The note that says so under the pair's name; a long reason is cut."""
    text = abort.pack(NOTE_BYTES - _SEAL_BYTES)
    return _seal(pair, text) + text


def failure_of(pair: Pair, note: bytes) -> FMIError:
    """The error to raise for a note that came under the pair's name.

    PeerFailure, with the rank that failed, if a rank of the same world has sealed it; AttemptFailed if
    somebody else has, or if it names a rank that the world does not have.
    """
    seal, text = note[:_SEAL_BYTES], note[_SEAL_BYTES:].rstrip(b"\0")
    if not hmac.compare_digest(seal, _seal(pair, text)):
        return AttemptFailed("a note at the rendezvous server is not from a rank of this world")
    abort = Abort.unpack(text, pair.peer)
    if abort.rank not in range(pair.world_size):
        return AttemptFailed(f"a note names rank {abort.rank} in a world of {pair.world_size} ranks")
    return PeerFailure(abort.rank, abort.reason)


def _seal(pair: Pair, text: bytes) -> bytes:
    return hmac.digest(pair.key, b"fmi note\0" + pair.name + b"\0" + text, hashlib.sha256)
