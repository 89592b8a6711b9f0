"""What protects messages in storage: keys that cannot be guessed, and signatures that cannot be forged.

Both are derived from the world's secret. Every piece is signed together with its key. So nobody who can write
to the storage but does not hold the secret can change it, move it to another key, or put it there again. It
is not encrypted: storage is private by its own access rules, and by TLS on the way.
"""

from __future__ import annotations

import hashlib
import hmac
import re

SIGNATURE_BYTES = hashlib.sha256().digest_size


class Signer:
    """The keys and signatures of one world.

    Attributes:
        prefix: of all its keys: the communicator's name and a digest under the secret.
    """

    def __init__(self, secret: bytes, comm_name: str) -> None:
        readable = re.sub(r"[^A-Za-z0-9_.-]", "-", comm_name)[:64]
        digest = hmac.digest(secret, b"fmi storage name" + comm_name.encode(), hashlib.sha256).hex()[:32]
        self.prefix = f"fmi/{readable}-{digest}"
        self._key = hmac.digest(secret, b"fmi storage seal" + comm_name.encode(), hashlib.sha256)

    def sign(self, key: str, *parts: bytes | memoryview) -> bytes:
        """Join the parts behind a signature for this key."""
        return b"".join((self._signature(key, *parts), *parts))

    def verify(self, key: str, data: bytes) -> memoryview | None:
        """Return what was signed for this key; None when the signature is wrong."""
        content = memoryview(data)[SIGNATURE_BYTES:]
        if hmac.compare_digest(data[:SIGNATURE_BYTES], self._signature(key, content)):
            return content
        return None

    def _signature(self, key: str, *parts: bytes | memoryview) -> bytes:
        mac = hmac.new(self._key, key.encode() + b"\0", hashlib.sha256)
        for part in parts:
            mac.update(part)
        return mac.digest()
