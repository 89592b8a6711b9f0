"""Persistent calls: a call that was made before is checked only for being the same again."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from fmi.channels.direct.channel import DirectChannel

if TYPE_CHECKING:
    from collections.abc import Callable

    from fmi.channels.base import Channel
    from fmi.channels.direct.persistent import PersistentCall

# Larger messages do not fit into what the kernel takes at once.
LARGEST_BYTES = 256 * 1024
# The limit for all kinds of calls together; with more, the oldest are forgotten.
MOST_BYTES = 16 << 20
# At most this much is kept for a kind besides its buffers.
EACH_BYTES = 4096


class PersistentCalls:
    """The remembered calls of a channel.

    Attributes:
        kinds: the calls by their kind: whatever makes two calls differ in nothing but the data.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.kinds: dict[Hashable, PersistentCall] = {}
        self._kept_bytes = 0

    def remember(
        self,
        kind: Hashable,
        nbytes: int,
        make: Callable[[DirectChannel], PersistentCall | None],
    ) -> None:
        """Remember a call that may be made again; `Session.replay` makes it faster.

        Args:
            kind: whatever makes two calls alike in all but the data.
            nbytes: size of its arrays.
            make: is called where the channel has a message core; returns None if there is no faster way.
        """
        channel = self._channel
        if (
            not isinstance(channel, DirectChannel)
            or channel.core is None
            or nbytes > LARGEST_BYTES
            or kind in self.kinds
        ):
            return
        known = make(channel)
        if known is None:
            return
        self.kinds[kind] = known
        self._kept_bytes += known.kept + EACH_BYTES
        while self._kept_bytes > MOST_BYTES:
            oldest = self.kinds.pop(next(iter(self.kinds)))
            self._kept_bytes -= oldest.kept + EACH_BYTES
