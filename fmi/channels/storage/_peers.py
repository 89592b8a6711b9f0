"""Pairing with the peers through storage: hellos, notices and heartbeats.

A rank that waits for one peer may be the one that another rank waits for: in a ring where every rank first
sends to the next, no two would ever pair. So a rank that has waited for a moment notifies those it waits for,
and they answer beside whatever they wait for themselves.
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Collection, Iterable, Mapping

from fmi.channels.base import World
from fmi.channels.storage._heartbeat import Heartbeat
from fmi.channels.storage._mailbox import Hello, Mailbox, new_nonce, notice_key
from fmi.channels.storage._signing import Signer
from fmi.channels.storage.store import Store
from fmi.errors import MismatchError

_NOTICE = struct.Struct("!Id")
_log = logging.getLogger("fmi")


class Peers:
    """The peers that one rank has paired with, or is pairing with.

    Attributes:
        mailboxes: by rank, from the first hello on.
        nonce: tells this rank's life from those of earlier runs.
        notices: the key under which others notify this rank.
    """

    def __init__(self, world: World, store: Store, signer: Signer) -> None:
        self.mailboxes: dict[int, Mailbox] = {}
        self.nonce = new_nonce()
        self.notices = notice_key(signer.prefix, world.rank)
        self._rank, self._size = world.rank, world.size
        self._store = store
        self._signer = signer
        self._last_read: dict[str, bytes] = {}
        self._heartbeat: Heartbeat | None = None

    def is_paired(self, peer: int) -> bool:
        """Whether messages can be exchanged with a peer."""
        return peer in self.mailboxes and self.mailboxes[peer].hello.paired

    def paired(self) -> list[Mailbox]:
        """The mailboxes of all paired peers."""
        return [mailbox for mailbox in self.mailboxes.values() if mailbox.hello.paired]

    def say_hello(self, peers: Iterable[int]) -> None:
        """Write this rank's hellos for these peers."""
        if self._heartbeat is None:
            self._heartbeat = Heartbeat(self._store, self._signer.prefix, self._rank, self.nonce)
        items = {}
        for peer in peers:
            hello = Hello(self._rank, peer, self._size, self.nonce)
            mailbox = self.mailboxes.setdefault(peer, Mailbox(self._signer.prefix, hello))
            items[mailbox.my_hello] = self._signer.sign(mailbox.my_hello, mailbox.hello.pack())
        self._store.put_all(items)

    def notify(self, peers: Iterable[int]) -> None:
        """Tell peers that this rank wants to pair with them; the time makes each notice a new one."""
        notice = _NOTICE.pack(self._rank, time.time())
        keys = [notice_key(self._signer.prefix, peer) for peer in peers]
        self._store.put_all({key: self._signer.sign(key, notice) for key in keys})

    def watched(self, peers: Iterable[int]) -> dict[str, bytes | None]:
        """The keys of these peers' hellos, and what was last read there."""
        keys = [self.mailboxes[peer].their_hello for peer in peers]
        return {key: self._last_read.get(key) for key in keys}

    def read_hello(self, peer: int, data: bytes) -> None:
        """Read a peer's hello, and answer if it is a new one.

        Raises:
            MismatchError: the peer is alive, and in a world of another size.
        """
        mailbox = self.mailboxes[peer]
        key, hello = mailbox.their_hello, mailbox.hello
        if data == self._last_read.get(key):
            return
        self._last_read[key] = data
        content = self._signer.verify(key, data)
        if content is None:
            _log.warning(
                "rank %d ignores a greeting from rank %d that its secret did not sign", self._rank, peer
            )
            return
        if hello.read(content):
            self.say_hello([peer])
        if hello.paired and hello.their_size != self._size:
            raise MismatchError(
                f"rank {self._rank} is in a world of {self._size} ranks, "
                f"but rank {peer} in one of {hello.their_size}"
            )

    def read_all(self, peers: Iterable[int], found: Mapping[str, bytes]) -> None:
        """Read these peers' hellos, where they are among what was found."""
        for peer in peers:
            key = self.mailboxes[peer].their_hello
            if key in found:
                self.read_hello(peer, found[key])

    def answer(self, notice: bytes) -> None:
        """Answer a notice with a hello."""
        content = self._signer.verify(self.notices, notice)
        if content is None:
            return
        peer, _ = _NOTICE.unpack(content)
        if peer == self._rank or not 0 <= peer < self._size or self.is_paired(peer):
            return
        if peer not in self.mailboxes:
            self.say_hello([peer])
        self.read([peer])

    def read(self, peers: Collection[int]) -> None:
        """Read the hellos that these peers have written by now."""
        self.read_all(peers, self._store.get_all([self.mailboxes[peer].their_hello for peer in peers]))

    def is_alive(self, peer: int) -> bool:
        """Whether a paired peer is still alive, as far as the store can tell."""
        return self._heartbeat is None or self._heartbeat.is_alive(peer, self.mailboxes[peer].hello.theirs)

    def close(self) -> None:
        """End this rank's heartbeat."""
        if self._heartbeat is not None:
            self._heartbeat.close()
