"""Meeting the peers through storage: greetings, bells and signs of life.

A rank that waits for one peer may be what another one waits for: in a ring where every rank first sends to
the next, nobody would ever come to meet. So a rank that has waited for a moment rings at those it waits for,
and whoever hears its bell answers beside whatever it waits for.
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Collection, Iterable, Mapping

from fmi.channels.base import World
from fmi.channels.storage._heartbeat import Presence
from fmi.channels.storage._hello import Greeting, new_nonce
from fmi.channels.storage._mailbox import Letters, bell_key
from fmi.channels.storage._signing import Seal
from fmi.channels.storage.store import Store
from fmi.errors import MismatchError

_BELL = struct.Struct("!Id")
_log = logging.getLogger("fmi")


class Meetings:
    """The peers of one rank, as far as it has met them.

    Attributes:
        letters: peer → the correspondence with it, begun when it was first greeted.
        nonce: tells this rank's life from those of earlier runs.
        bell: the key under which others ring at this rank.
    """

    def __init__(self, world: World, store: Store, seal: Seal) -> None:
        self.letters: dict[int, Letters] = {}
        self.nonce = new_nonce()
        self.bell = bell_key(seal.prefix, world.rank)
        self._rank, self._size = world.rank, world.size
        self._store = store
        self._seal = seal
        self._heard: dict[str, bytes] = {}
        self._presence: Presence | None = None

    def has_met(self, peer: int) -> bool:
        """Whether messages can go to and fro."""
        return peer in self.letters and self.letters[peer].greeting.met

    def met(self) -> list[Letters]:
        """The correspondence with everyone met."""
        return [letters for letters in self.letters.values() if letters.greeting.met]

    def greet(self, peers: Iterable[int]) -> None:
        """Write greetings, with what is known of the peers."""
        if self._presence is None:
            self._presence = Presence(self._store, self._seal.prefix, self._rank, self.nonce)
        items = {}
        for peer in peers:
            greeting = Greeting(self._rank, peer, self._size, self.nonce)
            letters = self.letters.setdefault(peer, Letters(self._seal.prefix, greeting))
            items[letters.my_greeting] = self._seal.close(letters.my_greeting, letters.greeting.pack())
        self._store.put_all(items)

    def ring(self, peers: Iterable[int]) -> None:
        """Have peers know that this rank wants to meet them; the time makes each ring a new one."""
        ring = _BELL.pack(self._rank, time.time())
        keys = [bell_key(self._seal.prefix, peer) for peer in peers]
        self._store.put_all({key: self._seal.close(key, ring) for key in keys})

    def watched(self, peers: Iterable[int]) -> dict[str, bytes | None]:
        """The keys of these peers' greetings, and what was heard there last."""
        keys = [self.letters[peer].their_greeting for peer in peers]
        return {key: self._heard.get(key) for key in keys}

    def hear(self, peer: int, data: bytes) -> None:
        """Take in a peer's greeting, and answer if it is a new one.

        Raises:
            MismatchError: the peer lives, and is in a world of another size.
        """
        letters = self.letters[peer]
        key, greeting = letters.their_greeting, letters.greeting
        if data == self._heard.get(key):
            return
        self._heard[key] = data
        content = self._seal.open(key, data)
        if content is None:
            _log.warning(
                "rank %d ignores a greeting from rank %d that its secret did not seal", self._rank, peer
            )
            return
        if greeting.hear(content):
            self.greet([peer])
        if greeting.met and greeting.their_size != self._size:
            raise MismatchError(
                f"rank {self._rank} is in a world of {self._size} ranks, "
                f"but rank {peer} in one of {greeting.their_size}"
            )

    def hear_all(self, peers: Iterable[int], found: Mapping[str, bytes]) -> None:
        """Take in these peers' greetings, where they are among what was found."""
        for peer in peers:
            key = self.letters[peer].their_greeting
            if key in found:
                self.hear(peer, found[key])

    def answer(self, ring: bytes) -> None:
        """Greet whoever rang."""
        content = self._seal.open(self.bell, ring)
        if content is None:
            return
        peer, _ = _BELL.unpack(content)
        if peer == self._rank or not 0 <= peer < self._size or self.has_met(peer):
            return
        if peer not in self.letters:
            self.greet([peer])
        self.read([peer])

    def read(self, peers: Collection[int]) -> None:
        """Take in the greetings that these peers have written by now."""
        self.hear_all(peers, self._store.get_all([self.letters[peer].their_greeting for peer in peers]))

    def gives_signs(self, peer: int) -> bool:
        """Whether a peer that was met still lives, as far as the store can tell."""
        return self._presence is None or self._presence.sees(peer, self.letters[peer].greeting.theirs)

    def close(self) -> None:
        """Give no further sign of life."""
        if self._presence is not None:
            self._presence.close()
