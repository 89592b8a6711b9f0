"""A channel over anything that keeps named bytes: Redis, S3, a folder that all ranks see.

The sender writes a message under a key that only the world's ranks can derive, and never waits for the
receiver. Nothing announces what is written in a store, so a rank that waits reads several keys: the one it
waits for, the note that the world has failed, the state of the peer (it has left, or waits for this rank in
its turn), and the notice of a rank that wants to pair with this one.
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from fmi.channels.base import Channel, World
from fmi.channels.storage._heartbeat import ALIVE_S
from fmi.channels.storage._mailbox import Mailbox, abort_key, count_pieces, cut
from fmi.channels.storage._peers import Peers
from fmi.channels.storage._signing import Signer
from fmi.channels.storage.store import Known, Store
from fmi.config import seconds
from fmi.errors import MismatchError, PeerFailure, Timeout, name_ranks
from fmi.protocol.frames import (
    HEADER_BYTES,
    NO_CALL,
    Abort,
    Call,
    Header,
    Kind,
    Operation,
    Waiting,
    unpack_header,
)

FIRST_NOTICE_S = 0.1
LAST_NOTICE_S = 5.0
# A rank that has waited this long tells the peer that it waits for.
TELL_AFTER_S = 0.5
# A wait in the store is interrupted this often, to check what the store does not announce.
LOOK_EVERY_S = 1.0
# A note from a rank that never paired with this one may be left from an earlier run if it is older than this.
NOTE_AGE_S = 60.0

ABORT = struct.Struct("!16sdI")
NO_NONCE = bytes(16)
_log = logging.getLogger("fmi")


class Storage(Channel):
    """The ranks of one world write to each other through a store.

    Args:
        world: who this rank is.
        store: where everything is kept; the channel closes it.
        settings: the channel's part of the configuration; `peer_timeout` and `stall_timeout` (milliseconds)
            stand in for the world's.
    """

    def __init__(self, world: World, store: Store, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self._rank, self._size = world.rank, world.size
        self._store = store
        self._signer = Signer(world.config.secret, world.name)
        self._peers = Peers(world, store, self._signer)
        self._note_key = abort_key(self._signer.prefix, world.rank)
        self._peer_s = seconds(settings, "peer_timeout", world.config.peer_s)
        self._stall_s = seconds(settings, "stall_timeout", world.config.stall_s)
        self._known: dict[str, bytes] = {}
        self._was_told = False
        self._unsent: dict[str, tuple[bytes | memoryview, ...]] = {}
        self._used: list[str] = []
        self._early: dict[str, bytes] = {}
        self._closed = False

    def connect(self, peers: Iterable[int]) -> None:
        """Pair with the peers that are not paired yet, side by side.

        Raises:
            Timeout: names the ranks that did not come within the limit for waiting for a peer.
            MismatchError: a peer is in a world of another size.
        """
        missing = {peer for peer in peers if not self._peers.is_paired(peer)}
        if not missing:
            return
        started = time.monotonic()
        until = started + self._peer_s
        self._peers.say_hello(missing)
        pause, notify_at = FIRST_NOTICE_S, started + FIRST_NOTICE_S
        while missing := {peer for peer in missing if not self._peers.is_paired(peer)}:
            now = time.monotonic()
            if now >= until:
                limit = f"{self._peer_s:g} s"
                raise Timeout(
                    f"rank {self._rank} waited {limit} for {name_ranks(missing)} to connect", missing
                )
            if now >= notify_at:
                self._peers.notify(missing)
                pause = min(2 * pause, LAST_NOTICE_S)
                notify_at = now + pause
            self._watch(self._peers.watched(missing), min(notify_at, until), missing)
        self.setup_seconds += time.monotonic() - started

    # Messages

    def post(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> None:
        """Start sending; the payload must not change until `flush` returns."""
        mailbox = self._peers.mailboxes[peer]
        if mailbox.left:
            raise PeerFailure(peer, f"it closed its communicator before {call} of rank {self._rank}")
        header = Header(Kind.DATA, call, form, len(payload))
        pieces = list(cut(header, payload, self._store.piece_bytes))
        self._unsent.update(zip(mailbox.outgoing_keys(call, len(pieces)), pieces, strict=True))
        self.bytes_sent += HEADER_BYTES + len(payload)

    def flush(self) -> None:
        """Write everything posted; storage takes it whether or not the receiver is there."""
        while self._unsent:
            batch: dict[str, bytes] = {}
            size = 0
            while self._unsent and size < self._store.batch_bytes:
                key = next(iter(self._unsent))
                batch[key] = self._signer.sign(key, *self._unsent.pop(key))
                size += len(batch[key])
            self._store.put_all(batch)

    def receive(self, peer: int, call: Call, into: memoryview) -> int:
        """Wait for the peer's next message; return its form.

        Raises:
            Timeout: the peer did not send in time, or stopped in the middle of the message.
            MismatchError: the peer is in another call than this rank, or waits for it as well.
        """
        header, content = self._first_piece(peer, call)
        if header.length != len(into):
            raise MismatchError(
                f"rank {self._rank} in {call} expects {len(into)} bytes, but rank {peer} sent {header.length}"
            )
        self._fill(peer, call, content, into)
        return header.form

    def take(self, peer: int, call: Call) -> tuple[int, memoryview]:
        """Wait for a message of any length; return its form and payload. Raises as `receive`."""
        header, content = self._first_piece(peer, call)
        into = memoryview(bytearray(header.length))
        self._fill(peer, call, content, into)
        return header.form, into

    def is_here(self, peer: int, call: Call) -> bool:
        """Whether `receive` would find the message at once. Raises PeerFailure if the world has failed."""
        if peer not in self._peers.mailboxes:
            self._peers.say_hello([peer])
        if not self._peers.is_paired(peer):
            self._watch({}, time.monotonic(), ())
            self._peers.read([peer])
            return False
        key = self._peers.mailboxes[peer].incoming_key(call)
        if key not in self._early:
            self._early.update(self._watch({key: None}, time.monotonic(), ()))
        return key in self._early

    def _first_piece(self, peer: int, call: Call) -> tuple[Header, memoryview]:
        self.flush()
        mailbox = self._peers.mailboxes[peer]
        key = mailbox.incoming_key(call)
        if key in self._early:
            first = self._verify(peer, key, self._early.pop(key))
        else:
            first = self._await(mailbox, call, [key], self._peer_s, "sent nothing")[key]
        header = unpack_header(first)
        if header.call != call:
            raise MismatchError(f"rank {self._rank} is in {call}, but rank {peer} sent it {header.call}")
        return header, first[HEADER_BYTES:]

    def _fill(self, peer: int, call: Call, content: memoryview, into: memoryview) -> None:
        """Receive the rest of a message whose first piece is there, and count it."""
        mailbox = self._peers.mailboxes[peer]
        size = self._store.piece_bytes
        into[: len(content)] = content
        self._used.append(mailbox.incoming_key(call))
        starts = {mailbox.incoming_key(call, n): n * size for n in range(1, count_pieces(len(into), size))}
        self._used += starts
        missing = list(starts)
        while missing:
            batch = missing[: max(1, self._store.batch_bytes // size)]
            found = self._await(mailbox, call, batch, self._stall_s, "stopped in the middle of a message")
            for key, piece in found.items():
                into[starts[key] : starts[key] + len(piece)] = piece
                missing.remove(key)
        if call.operation is not Operation.SEND:
            mailbox.received += 1
        self.bytes_received += HEADER_BYTES + len(into)

    # Waiting

    def _await(
        self, mailbox: Mailbox, call: Call, keys: list[str], limit_s: float, fault: str
    ) -> dict[str, memoryview]:
        """Wait until at least one of these pieces from the peer is there.

        Raises:
            Timeout: nothing came within the limit; the message says `fault`.
            PeerFailure, MismatchError: the peer has left or died, or waits for this rank.
        """
        peer = mailbox.hello.peer
        started = time.monotonic()
        told_peer = suspicious = False
        while True:
            state = mailbox.their_state
            watched = {**dict.fromkeys(keys), state: self._known.get(state)}
            until = started + (limit_s if told_peer else min(limit_s, TELL_AFTER_S))
            found = self._watch(watched, until, [peer])
            if state in found:
                self._read_state(mailbox, found.pop(state))
            if found:
                return {key: self._verify(peer, key, data) for key, data in found.items()}
            if suspicious:
                self._raise_fault(mailbox, call)
            # What the peer wrote before it left or began to wait is there by now, so read once more.
            suspicious = mailbox.left or bool(mailbox.waits_for_me) or not self._peers.is_alive(peer)
            now = time.monotonic()
            if now >= started + limit_s and not suspicious:
                raise Timeout(f"rank {self._rank} in {call}: rank {peer} {fault} for {limit_s:g} s", [peer])
            if not told_peer and now >= started + TELL_AFTER_S:
                told_peer = True
                header, payload = Waiting(call, mailbox.received).frame()
                self._store.put(mailbox.my_state, self._signer.sign(mailbox.my_state, header.pack(), payload))

    def _raise_fault(self, mailbox: Mailbox, call: Call) -> None:
        peer = mailbox.hello.peer
        note = self._store.get(self._note_key)
        if note is not None:  # why the peer has left is read less often than that it has
            self._read_note(note)
        if mailbox.left:
            raise PeerFailure(peer, f"it closed its communicator while rank {self._rank} was in {call}")
        if mailbox.waits_for_me:
            raise MismatchError(
                f"rank {self._rank} is in {call}, but rank {peer} waits for it in {mailbox.waits_for_me}"
            )
        if not self._peers.is_alive(peer):
            raise PeerFailure(peer, f"its process ended: it has given no sign of life for {ALIVE_S:g} s")

    def _verify(self, peer: int, key: str, data: bytes) -> memoryview:
        content = self._signer.verify(key, data)
        if content is None:
            raise PeerFailure(peer, "a message of it was changed in storage: its signature is wrong")
        return content

    def _watch(self, watched: Known, until: float, peers: Iterable[int]) -> dict[str, bytes]:
        """Wait for a moment for news under these keys; read notes, hellos and notices meanwhile."""
        notices = self._peers.notices
        others = {key: self._known.get(key) for key in (self._note_key, notices)}
        found = self._store.watch(watched, others, min(until, time.monotonic() + LOOK_EVERY_S))
        for key in others.keys() & found.keys():
            self._known[key] = found[key]
        if not found and peers and self.on_idle is not None:
            self.on_idle(peers)
        if self._note_key in found:
            self._read_note(found.pop(self._note_key))
        self._peers.read_all(peers, found)  # before the notice, whose answer reads newer hellos
        if notices in found:
            self._peers.answer(found.pop(notices))
        return found

    def _read_state(self, mailbox: Mailbox, data: bytes) -> None:
        self._known[mailbox.their_state] = data
        content = self._signer.verify(mailbox.their_state, data)
        if content is not None:
            mailbox.read_state(content)

    def _read_note(self, data: bytes) -> None:
        content = self._signer.verify(self._note_key, data)
        if content is None:
            return
        nonce, written, sender = ABORT.unpack_from(content)
        if nonce == self._peers.nonce or (nonce == NO_NONCE and time.time() - written < NOTE_AGE_S):
            self._was_told = True
            _raise(Abort.unpack(bytes(content[ABORT.size :]), sender))

    def waits_for_me(self, peer: int) -> Call | None:
        """The call in which a peer waits here for this rank, with nothing on its way to it."""
        self._watch({}, time.monotonic(), ())
        if not self._peers.is_paired(peer):
            return None
        mailbox = self._peers.mailboxes[peer]
        self._read_states([mailbox])
        return mailbox.waits_for_me

    def _read_states(self, mailboxes: Iterable[Mailbox]) -> None:
        by_key = {mailbox.their_state: mailbox for mailbox in mailboxes}
        for key, data in self._store.get_all(by_key).items():
            self._read_state(by_key[key], data)

    # Ending

    def rest(self) -> None:
        """Delete the messages that were received."""
        used, self._used = self._used, []
        self._store.delete_all(used)

    def abort(self, abort: Abort) -> None:
        """Tell every other rank, unless this rank was told itself, and close."""
        if self._closed:
            return
        self._closed = True
        try:
            if not self._was_told:
                self._leave_notes(abort)
            self._leave()
        except Exception as error:  # a store of the user's may raise anything
            _log.warning("rank %d could not tell the others that it gave up: %s", self._rank, error)
        finally:
            self._end()

    def _leave_notes(self, abort: Abort) -> None:
        notes = {}
        for peer in range(self._size):
            if peer != self._rank:
                paired = self._peers.is_paired(peer)
                nonce = self._peers.mailboxes[peer].hello.theirs if paired else NO_NONCE
                key = abort_key(self._signer.prefix, peer)
                notes[key] = self._signer.sign(key, ABORT.pack(nonce, time.time(), self._rank), abort.pack())
        self._store.put_all(notes)

    def close(self) -> None:
        """Write what was posted, tell the peers, and delete what nobody will read any more."""
        if self._closed:
            return
        self._closed = True
        try:
            self.flush()
            self._leave()
        finally:
            self._end()

    def _leave(self) -> None:
        """Tell the peers that this rank leaves. Of a pair, the last one deletes the keys of both."""
        unpaired = [peer for peer in self._peers.mailboxes if not self._peers.is_paired(peer)]
        self._peers.read(unpaired)
        paired = self._peers.paired()
        bye = Header(Kind.BYE, NO_CALL, 0, 0).pack()
        self._store.put_all({each.my_state: self._signer.sign(each.my_state, bye) for each in paired})
        self._read_states(paired)
        over = [each for each in paired if each.left]
        mine = [self._peers.mailboxes[peer].my_hello for peer in unpaired if not self._peers.is_paired(peer)]
        written = [key for each in over for key in each.lasting_keys()]
        unread = [
            key for key in self._store.keys(f"{self._signer.prefix}/") if any(each.owns(key) for each in over)
        ]
        self._store.delete_all({*self._used, *mine, *written, *unread, self._note_key, self._peers.notices})

    def _end(self) -> None:
        self._peers.close()
        self._store.close()


def _raise(abort: Abort) -> NoReturn:
    if abort.mismatch:
        raise MismatchError(abort.reason)
    raise PeerFailure(abort.rank, abort.reason)
