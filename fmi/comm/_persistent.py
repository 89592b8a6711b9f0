"""Persistent calls: a call that was made before is checked only for being the same again."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import TYPE_CHECKING

from fmi.channels.direct.frames import FramedConnections
from fmi.comm._session import Session, as_abort, next_number
from fmi.transport.frame_reader import SMALL_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from fmi._datatypes import Array
    from fmi.channels.direct.persistent import PersistentCall
    from fmi.config import Config

# The limit for all kinds of calls together; with more, the oldest are forgotten.
MOST_BYTES = 16 << 20
# At most this much is kept for a kind besides its buffers.
EACH_BYTES = 4096


class PersistentCalls(Session):
    """Remembers calls by their kind: whatever makes two calls differ in nothing but the data."""

    def __init__(self, rank: int, world_size: int, config: Config, name: str) -> None:
        super().__init__(rank, world_size, config, name)
        self._kinds: dict[Hashable, PersistentCall] = {}
        self._kept_bytes = 0

    def _remember(
        self,
        kind: Hashable,
        nbytes: int,
        make: Callable[[FramedConnections], PersistentCall | None],
        limit: int = SMALL_BYTES,
    ) -> None:
        """Remember a call that may be made again; `_replay` makes it faster.

        Args:
            kind: whatever makes two calls alike in all but the data.
            nbytes: size of its arrays.
            make: is called where the channel has connections; returns None if there is no faster way.
            limit: larger arrays are not remembered.
        """
        channel = self._channel
        if not isinstance(channel, FramedConnections) or nbytes > limit or kind in self._kinds:
            return
        known = make(channel)
        if known is None:
            return
        self._kinds[kind] = known
        self._kept_bytes += known.kept + EACH_BYTES
        while self._kept_bytes > MOST_BYTES:
            oldest = self._kinds.pop(next(iter(self._kinds)))
            self._kept_bytes -= oldest.kept + EACH_BYTES

    def _replay(
        self,
        known: PersistentCall,
        numbers: list[int],
        place: int,
        operand: Array | None = None,
        result: Array | None = None,
    ) -> None:
        """Make a call of a remembered kind; as `_run`.

        Args:
            known: the remembered call.
            numbers, place: where the number of the next call is.
            operand: the array to send, if there is one.
            result: the array to fill, if there is one.
        """
        self._enter(known.name)
        started = time.monotonic()
        try:
            known.run(next_number(numbers, place), operand, result)
        except BaseException as error:
            self._end(error, as_abort(error, self.rank, known.name))
            raise
        finally:
            self._leave()
        self._count(known.name, known.moved, time.monotonic() - started)
