"""What protects messages that lie in storage: names nobody can guess, and a seal nobody can make.

Both come from the world's secret. Every piece is sealed together with its key, so it cannot be changed,
moved to another place or put there again by anybody who can write to the storage but does not hold the
secret. It can be read: storage is private by its own access rules and by TLS on the way.
"""

from __future__ import annotations

import hashlib
import hmac
import re

SIGNATURE_BYTES = hashlib.sha256().digest_size


class Signer:
    """The names and seals of one world.

    Attributes:
        prefix: what all of its keys begin with: the communicator's name and a digest under the secret.
    """

    def __init__(self, secret: bytes, comm_name: str) -> None:
        readable = re.sub(r"[^A-Za-z0-9_.-]", "-", comm_name)[:64]
        digest = hmac.digest(secret, b"fmi storage name" + comm_name.encode(), hashlib.sha256).hex()[:32]
        self.prefix = f"fmi/{readable}-{digest}"
        self._key = hmac.digest(secret, b"fmi storage seal" + comm_name.encode(), hashlib.sha256)

    def close(self, key: str, *parts: bytes | memoryview) -> bytes:
        """The parts as one piece of bytes, sealed for this key."""
        return b"".join((self._mark(key, *parts), *parts))

    def open(self, key: str, data: bytes) -> memoryview | None:
        """What was sealed for this key; None when the seal is wrong."""
        content = memoryview(data)[SIGNATURE_BYTES:]
        if hmac.compare_digest(data[:SIGNATURE_BYTES], self._mark(key, content)):
            return content
        return None

    def _mark(self, key: str, *parts: bytes | memoryview) -> bytes:
        mark = hmac.new(self._key, key.encode() + b"\0", hashlib.sha256)
        for part in parts:
            mark.update(part)
        return mark.digest()
