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
from fmi.channels.storage._heartbeat import Heartbeat
from fmi.channels.storage._mailbox import Hello, Mailbox, doorbell_key, new_nonce
from fmi.channels.storage._signing import Signer
from fmi.channels.storage.store import Store
from fmi.errors import MismatchError

_DOORBELL = struct.Struct("!Id")
_log = logging.getLogger("fmi")


class Peers:
    """The peers of one rank, as far as it has met them.

    Attributes:
        letters: peer → the correspondence with it, begun when it was first greeted.
        nonce: tells this rank's life from those of earlier runs.
        bell: the key under which others ring at this rank.
    """

    def __init__(self, world: World, store: Store, signer: Signer) -> None:
        self.mailboxes: dict[int, Mailbox] = {}
        self.nonce = new_nonce()
        self.doorbell = doorbell_key(signer.prefix, world.rank)
        self._rank, self._size = world.rank, world.size
        self._store = store
        self._signer = signer
        self._heard: dict[str, bytes] = {}
        self._heartbeat: Heartbeat | None = None

    def is_paired(self, peer: int) -> bool:
        """Whether messages can go to and fro."""
        return peer in self.mailboxes and self.mailboxes[peer].hello.paired

    def paired(self) -> list[Mailbox]:
        """The correspondence with everyone met."""
        return [mailbox for mailbox in self.mailboxes.values() if mailbox.hello.paired]

    def say_hello(self, peers: Iterable[int]) -> None:
        """Write greetings, with what is known of the peers."""
        if self._heartbeat is None:
            self._heartbeat = Heartbeat(self._store, self._signer.prefix, self._rank, self.nonce)
        items = {}
        for peer in peers:
            hello = Hello(self._rank, peer, self._size, self.nonce)
            mailbox = self.mailboxes.setdefault(peer, Mailbox(self._signer.prefix, hello))
            items[mailbox.my_hello] = self._signer.close(mailbox.my_hello, mailbox.hello.pack())
        self._store.put_all(items)

    def notify(self, peers: Iterable[int]) -> None:
        """Have peers know that this rank wants to meet them; the time makes each ring a new one."""
        notice = _DOORBELL.pack(self._rank, time.time())
        keys = [doorbell_key(self._signer.prefix, peer) for peer in peers]
        self._store.put_all({key: self._signer.close(key, notice) for key in keys})

    def watched(self, peers: Iterable[int]) -> dict[str, bytes | None]:
        """The keys of these peers' greetings, and what was heard there last."""
        keys = [self.mailboxes[peer].their_hello for peer in peers]
        return {key: self._heard.get(key) for key in keys}

    def hear(self, peer: int, data: bytes) -> None:
        """Take in a peer's greeting, and answer if it is a new one.

        Raises:
            MismatchError: the peer lives, and is in a world of another size.
        """
        mailbox = self.mailboxes[peer]
        key, hello = mailbox.their_hello, mailbox.hello
        if data == self._heard.get(key):
            return
        self._heard[key] = data
        content = self._signer.open(key, data)
        if content is None:
            _log.warning(
                "rank %d ignores a greeting from rank %d that its secret did not seal", self._rank, peer
            )
            return
        if hello.hear(content):
            self.say_hello([peer])
        if hello.paired and hello.their_size != self._size:
            raise MismatchError(
                f"rank {self._rank} is in a world of {self._size} ranks, "
                f"but rank {peer} in one of {hello.their_size}"
            )

    def hear_all(self, peers: Iterable[int], found: Mapping[str, bytes]) -> None:
        """Take in these peers' greetings, where they are among what was found."""
        for peer in peers:
            key = self.mailboxes[peer].their_hello
            if key in found:
                self.hear(peer, found[key])

    def answer(self, notice: bytes) -> None:
        """Greet whoever rang."""
        content = self._signer.open(self.doorbell, notice)
        if content is None:
            return
        peer, _ = _DOORBELL.unpack(content)
        if peer == self._rank or not 0 <= peer < self._size or self.is_paired(peer):
            return
        if peer not in self.mailboxes:
            self.say_hello([peer])
        self.read([peer])

    def read(self, peers: Collection[int]) -> None:
        """Take in the greetings that these peers have written by now."""
        self.hear_all(peers, self._store.get_all([self.mailboxes[peer].their_hello for peer in peers]))

    def gives_signs(self, peer: int) -> bool:
        """Whether a peer that was met still lives, as far as the store can tell."""
        return self._heartbeat is None or self._heartbeat.sees(peer, self.mailboxes[peer].hello.theirs)

    def close(self) -> None:
        """Give no further sign of life."""
        if self._heartbeat is not None:
            self._heartbeat.close()
