"""Waiting in storage: what a rank hears while it waits for something that another one writes.

Nothing tells a rank what happens in a store, so whoever waits looks: for what it waits for, for word that
the world has failed, for the peer's goodbye and its signs of life, and for those that want to meet it.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from fmi.channels.base import Channel, World
from fmi.channels.storage._heartbeat import ALIVE_S
from fmi.channels.storage._mailbox import Mailbox, abort_key
from fmi.channels.storage._peers import Peers
from fmi.channels.storage._signing import Signer
from fmi.channels.storage.store import Known, Store
from fmi.config import seconds
from fmi.errors import MismatchError, PeerFailure, Timeout
from fmi.protocol.frames import Abort, Call, Waiting

# A rank that has waited this long says so to whom it waits for.
PATIENCE_S = 0.5
# A wait is interrupted this often to look at whatever nobody tells of.
LOOK_EVERY_S = 1.0
# A rank that failed before it met this one may have been of an earlier run, unless it was as recent as this.
NOTE_AGE_S = 60.0

ABORT = struct.Struct("!16sdI")
NO_NONCE = bytes(16)


class StorageWatch(Channel):
    """One rank's view of a store; `Storage` sends and receives over it.

    Args:
        world: who this rank is.
        store: where everything is kept.
        settings: the channel's part of the configuration.
    """

    def __init__(self, world: World, store: Store, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self._rank, self._size = world.rank, world.size
        self._store = store
        self._signer = Signer(world.config.secret, world.name)
        self._peers = Peers(world, store, self._signer)
        self._told = abort_key(self._signer.prefix, world.rank)
        self._peer_s = seconds(settings, "peer_timeout", world.config.peer_s)
        self._stall_s = seconds(settings, "stall_timeout", world.config.stall_s)
        self._known: dict[str, bytes] = {}
        self._was_told = False

    def _await(
        self, mailbox: Mailbox, call: Call, keys: list[str], limit_s: float, fault: str
    ) -> dict[str, memoryview]:
        """Wait until at least one of the peer's pieces is there."""
        peer = mailbox.hello.peer
        started = time.monotonic()
        said_so = suspicious = False
        while True:
            state = mailbox.their_state
            watched = {**dict.fromkeys(keys), state: self._known.get(state)}
            until = started + (limit_s if said_so else min(limit_s, PATIENCE_S))
            found = self._listen(watched, until, [peer])
            if state in found:
                self._hear_state(mailbox, found.pop(state))
            if found:
                return {key: self._open(peer, key, data) for key, data in found.items()}
            if suspicious:
                self._complain(mailbox, call)
            # What the peer wrote before it left or began to wait is there by now, so look once more.
            suspicious = mailbox.left or bool(mailbox.waits_for_me) or not self._peers.gives_signs(peer)
            now = time.monotonic()
            if now >= started + limit_s and not suspicious:
                raise Timeout(f"rank {self._rank} in {call}: rank {peer} {fault} for {limit_s:g} s", [peer])
            if not said_so and now >= started + PATIENCE_S:
                said_so = True
                header, payload = Waiting(call, mailbox.received).frame()
                self._store.put(
                    mailbox.my_state, self._signer.close(mailbox.my_state, header.pack(), payload)
                )

    def _complain(self, mailbox: Mailbox, call: Call) -> None:
        peer = mailbox.hello.peer
        told = self._store.get(self._told)
        if told is not None:  # why the peer has left is looked at less often than that it has
            self._hear_abort(told)
        if mailbox.left:
            raise PeerFailure(peer, f"it closed its communicator while rank {self._rank} was in {call}")
        if mailbox.waits_for_me:
            raise MismatchError(
                f"rank {self._rank} is in {call}, but rank {peer} waits for it in {mailbox.waits_for_me}"
            )
        if not self._peers.gives_signs(peer):
            raise PeerFailure(peer, f"its process ended: it has given no sign of life for {ALIVE_S:g} s")

    def _open(self, peer: int, key: str, data: bytes) -> memoryview:
        content = self._signer.open(key, data)
        if content is None:
            raise PeerFailure(peer, "a message of it was changed in storage: its seal is wrong")
        return content

    def _listen(self, watched: Known, until: float, peers: Iterable[int]) -> dict[str, bytes]:
        """Wait for news under these keys, for a moment; take in what everyone is told meanwhile."""
        doorbell = self._peers.doorbell
        others = {key: self._known.get(key) for key in (self._told, doorbell)}
        found = self._store.watch(watched, others, min(until, time.monotonic() + LOOK_EVERY_S))
        for key in others.keys() & found.keys():
            self._known[key] = found[key]
        if not found and peers and self.on_idle is not None:
            self.on_idle(peers)
        if self._told in found:
            self._hear_abort(found.pop(self._told))
        self._peers.hear_all(peers, found)  # before the bell, which has newer greetings read
        if doorbell in found:
            self._peers.answer(found.pop(doorbell))
        return found

    def _hear_state(self, mailbox: Mailbox, data: bytes) -> None:
        self._known[mailbox.their_state] = data
        content = self._signer.open(mailbox.their_state, data)
        if content is not None:
            mailbox.hear_state(content)

    def _hear_abort(self, data: bytes) -> None:
        content = self._signer.open(self._told, data)
        if content is None:
            return
        nonce, written, sender = ABORT.unpack_from(content)
        if nonce == self._peers.nonce or (nonce == NO_NONCE and time.time() - written < NOTE_AGE_S):
            self._was_told = True
            _raise(Abort.unpack(bytes(content[ABORT.size :]), sender))

    def waits_for_me(self, peer: int) -> Call | None:
        """In which call a peer waits here for this rank, with nothing on its way to it."""
        self._listen({}, time.monotonic(), ())
        if not self._peers.is_paired(peer):
            return None
        mailbox = self._peers.mailboxes[peer]
        self._read_states([mailbox])
        return mailbox.waits_for_me

    def _read_states(self, correspondence: Iterable[Mailbox]) -> None:
        by_key = {mailbox.their_state: mailbox for mailbox in correspondence}
        for key, data in self._store.get_all(by_key).items():
            self._hear_state(by_key[key], data)


def _raise(abort: Abort) -> NoReturn:
    if abort.mismatch:
        raise MismatchError(abort.reason)
    raise PeerFailure(abort.rank, abort.reason)
