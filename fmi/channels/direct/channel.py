"""The Direct channel with requests: messages that move on while the caller computes.

`advance` moves them, called by a thread of the communicator while its user computes; every wait of another
operation moves them too.
"""

from __future__ import annotations

import math
import socket
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

from fmi._tasks import Wait
from fmi.channels.base import Channel, World
from fmi.channels.direct._messages import Direct
from fmi.config import Config
from fmi.errors import PeerFailure
from fmi.protocol.frames import HEADER_BYTES, Call, pack_rest
from fmi.protocol.transfer import OUT_OF_ORDER, ReceiveTransfer, SendTransfer, Transfer
from fmi.transport.connection import Connection


def open_channel(world: World, settings: Mapping[str, Any]) -> Channel:  # noqa: ARG001 - read by `config`
    """The channel that the configuration calls Direct."""
    return BackgroundDirect(world.rank, world.size, world.name, world.config)


class BackgroundDirect(Direct):
    """TCP connections to the peers that operations and requests need."""

    def __init__(self, rank: int, world_size: int, comm_name: str, config: Config) -> None:
        super().__init__(rank, world_size, comm_name, config)
        self._under_way = 0
        self._departing: defaultdict[int, deque[SendTransfer]] = defaultdict(deque)
        self._early: defaultdict[int, list[tuple[SendTransfer, memoryview, int]]] = defaultdict(list)

    @property
    def outstanding(self) -> bool:
        """Whether requests are under way."""
        return self._under_way > 0 and not self._closed

    def start(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> Transfer:
        """Start sending, whether or not the peer is there; later collective calls may overtake it."""
        departing = SendTransfer(peer, call)
        connection = self._connections.get(peer)
        if connection:
            self._depart(connection, departing, payload, form)
        else:
            self._early[peer].append((departing, payload, form))
            self._connector.connect([peer])
        if not departing.done:
            self._under_way += 1
            self._departing[peer].append(departing)
        return departing

    def expect(self, peer: int, call: Call, into: memoryview | None) -> ReceiveTransfer:
        """Ask for a message that need not be there yet. `into` is filled, None asks for a fresh buffer."""
        expected = ReceiveTransfer(peer, call, into)
        self._under_way += 1
        connection = self._connections.get(peer)
        if connection:
            connection.expect(expected)
            self._poller.read_on(connection)
        else:
            self._expected[peer].append(expected)
            self._connector.connect([peer])
        return expected

    def advance(self) -> None:
        """Let everything go on that can without waiting. Raises what any operation may."""
        if self._connector.idle:
            self._poller.check_liveness()
            self._poller.turn_at_once()
        else:
            self._wait(0.0)
        self._settle()

    def waiting(self) -> Wait:
        """What has to happen before `advance` is worth while."""
        connections, due = self._poller.sockets(), self._poller.due
        if self._connector.idle:
            return Wait(connections, due)
        wait = self._connector.wait(due)
        return Wait({**wait.sockets, **connections}, wait.until)

    def complete(self, transfer: Transfer, until: float = math.inf) -> None:
        """Wait until a transfer is done, or until that time. Raises what any operation may."""
        self._settle()
        while not transfer.done:
            connection = self._connections.get(transfer.peer)
            if connection is None:
                self._pair_with({transfer.peer}, until)
            elif isinstance(transfer, SendTransfer):
                self._send_out({connection: transfer.mark}, until)
            elif isinstance(transfer, ReceiveTransfer):
                self._await_expected(connection, transfer, until)
            self._settle()
            if time.monotonic() >= until:
                return

    def rest(self) -> None:
        """Finish pairing with ranks that rang meanwhile, unless requests go on with it anyway."""
        if not self._connector.idle and not self.outstanding:
            super().rest()

    def _add_connection(self, peer: int, sock: socket.socket) -> None:
        super()._add_connection(peer, sock)
        for departing, payload, form in self._early.pop(peer, ()):
            self._depart(self._connections[peer], departing, payload, form)

    def _depart(
        self, connection: Connection, departing: SendTransfer, payload: memoryview, form: int
    ) -> None:
        if connection.abort or connection.left:
            self._refuse(connection, departing.call)
        size = len(payload)
        connection.sent += 1
        departing.done = self._poller.push(
            connection, departing.call.prefix + pack_rest(form | OUT_OF_ORDER, size), payload
        )
        departing.mark = connection.queued
        self.bytes_sent += HEADER_BYTES + size

    def _await_expected(self, connection: Connection, expected: ReceiveTransfer, until: float) -> None:
        """Without a deadline a collective frame in the message's place means that the peer is elsewhere."""

        def is_here() -> bool:
            return expected.frame is not None or (until == math.inf and bool(connection.inbox))

        self._await_frame(connection, expected.call, is_here, deadline=until)
        if expected.frame is None and connection.inbox and until == math.inf:
            raise self._mismatches.mismatch(expected.call, connection.peer, connection.inbox[0].header.call)

    def _settle(self) -> None:
        """Note which transfers are done; what this costs does not grow with how many are not."""
        if not self._under_way:
            return
        for peer, connection in self._connections.items():
            if connection.arrived:
                self._settle_arrived(connection)
            if peer in self._departing:
                self._settle_departing(connection, self._departing[peer])
            if connection.left and connection.expected:
                reason = (
                    f"it closed its communicator while rank {self._rank} was in {connection.expected[0].call}"
                )
                raise PeerFailure(peer, reason)

    def _settle_departing(self, connection: Connection, departing: deque[SendTransfer]) -> None:
        """They leave in order."""
        while departing and connection.gone >= departing[0].mark:
            departing.popleft().done = True
            self._under_way -= 1

    def _settle_arrived(self, connection: Connection) -> None:
        arrived = connection.arrived.copy()
        connection.arrived.clear()
        for expected in arrived:
            assert expected.frame is not None  # noqa: S101 - it has arrived
            self._accept(expected.frame, expected.peer, expected.call, expected.into)
            self.bytes_received += HEADER_BYTES + expected.frame.header.length
            expected.done = True
            self._under_way -= 1
