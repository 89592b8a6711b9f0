"""Calls that were made before: all there is to check is that it is the same again."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import TYPE_CHECKING

from fmi.comm._session import Session, as_abort, next_number
from fmi.transport.frame_reader import SMALL_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from fmi._datatypes import Array
    from fmi.channels.direct.frames import FramedConnections
    from fmi.channels.direct.persistent import PersistentCall
    from fmi.config import Config

# So much is kept for all kinds of calls together; with more, the oldest are forgotten.
MOST_BYTES = 16 << 20
# What a kind costs besides its buffers, and more.
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
        """A call was made that may be made again; `_replay` will do it faster.

        Args:
            kind: by which it is known.
            nbytes: of its arrays.
            make: is called where there are connections; None from it says that there is no faster way.
            limit: for more bytes there is none either.
        """
        connections = self._channel.connections()
        if connections is None or nbytes > limit or kind in self._kinds:
            return
        known = make(connections)
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
        """Make a call of a known kind; as `_run`.

        Args:
            known: what was made for this kind.
            numbers, place: where the number of the next call is.
            operand: what is sent, if anything is.
            result: what is filled, if anything is.
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
