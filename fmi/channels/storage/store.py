"""The interface of a store: named bytes that every rank can reach.

`fmi.channels.storage.channel.Storage` is the channel over any of them. Three methods are enough; the others
are for services that can do better than one key at a time, or can be waited for.
"""

from __future__ import annotations

import abc
import time
from collections.abc import Iterable, Mapping

# Each pause between two looks for a message that has not come is longer than the last.
LAST_PAUSE_S = 0.5
PAUSE_GROWTH = 1.5
# Keys that are not urgent are read this often, and for the first time when a wait has lasted so long.
OTHERS_EVERY_S = 1.0
OTHERS_AFTER_S = 0.25

# Key → what the caller knows it to hold, None for nothing yet.
Known = Mapping[str, bytes | None]


class Store(abc.ABC):
    """Bytes under names. Every rank's next get sees what was put.

    Attributes:
        first_pause_s: how long `watch` waits before it asks a second time.
        piece_bytes: longer messages travel in pieces of this size.
        batch_bytes: how much `put_all` is given and `get_all` is asked for at once.
    """

    first_pause_s = 0.002
    piece_bytes = 64 << 20
    batch_bytes = 64 << 20

    @abc.abstractmethod
    def put(self, key: str, data: bytes) -> None:
        """Keep the bytes under a key, in place of what it held; no reader ever sees half of them."""

    @abc.abstractmethod
    def get(self, key: str) -> bytes | None:
        """Return what the key holds; None for nothing."""

    @abc.abstractmethod
    def delete(self, key: str) -> None:
        """Delete a key; it may be gone already."""

    def put_all(self, items: Mapping[str, bytes]) -> None:
        """Put several keys; override it where the service can take them together."""
        for key, data in items.items():
            self.put(key, data)

    def get_all(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Return what these keys hold, without those that hold nothing."""
        found = {key: self.get(key) for key in keys}
        return {key: data for key, data in found.items() if data is not None}

    def delete_all(self, keys: Iterable[str]) -> None:
        """Delete several keys some time, at the latest in `close`."""
        for key in keys:
            self.delete(key)

    def keys(self, prefix: str) -> Iterable[str]:  # noqa: ARG002 - for stores that can
        """List the keys with a prefix, to clean up; none where what is left expires by itself."""
        return ()

    def watch(self, urgent: Known, others: Known, until: float) -> dict[str, bytes]:
        """Wait until a key holds something else than what is known; return those that do.

        Returns nothing at `until` (`time.monotonic()`) at the latest. The keys in `others` may be read as
        rarely as once a second. This method polls, more and more slowly; override it where the service can be
        waited for.
        """
        pause = self.first_pause_s
        look_at_others = min(time.monotonic() + OTHERS_AFTER_S, until)
        while True:
            found = _news(self.get_all(urgent), urgent)
            now = time.monotonic()
            if not found and now >= look_at_others:
                look_at_others = now + OTHERS_EVERY_S
                found = _news(self.get_all(others), others)
            if found or now >= until:
                return found
            time.sleep(min(pause, until - now))
            pause = min(pause * PAUSE_GROWTH, LAST_PAUSE_S)

    def keep_alive(self, key: str, seconds: float) -> bool:  # noqa: ARG002
        """Make a key that expires after so many seconds; False where the service cannot do that."""
        return False

    def is_alive(self, key: str) -> bool:  # noqa: ARG002
        """Whether such a key exists."""
        return True

    def close(self) -> None:  # noqa: B027 - most have nothing to release
        """Release connections and threads."""


def _news(found: Mapping[str, bytes], known: Known) -> dict[str, bytes]:
    return {key: data for key, data in found.items() if data != known[key]}
