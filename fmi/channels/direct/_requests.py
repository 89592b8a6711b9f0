"""Requests: messages that their caller does not wait for, until they are done."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping

from fmi.errors import PeerFailure
from fmi.protocol.transfer import ReceiveTransfer, SendTransfer
from fmi.transport.connection import Connection


class Requests:
    """The requests of one rank that are not done.

    Attributes:
        under_way: how many.
        expected: by rank, what is awaited; its connection shares the queue.
        early: by rank, what to send once it is connected: message, payload and form.
    """

    def __init__(self) -> None:
        self.under_way = 0
        self.expected: defaultdict[int, deque[ReceiveTransfer]] = defaultdict(deque)
        self.early: defaultdict[int, list[tuple[SendTransfer, memoryview, int]]] = defaultdict(list)
        self._sending: defaultdict[int, deque[SendTransfer]] = defaultdict(deque)

    def add_sending(self, transfer: SendTransfer) -> None:
        """Note a message that is not on its way yet."""
        self.under_way += 1
        self._sending[transfer.peer].append(transfer)

    def settle(
        self,
        rank: int,
        connections: Mapping[int, Connection],
        accept: Callable[[ReceiveTransfer], None],
    ) -> None:
        """Note which are done; what this costs does not grow with how many are not.

        Args:
            rank: this rank.
            connections: by rank.
            accept: checks and keeps what was received.

        Raises:
            PeerFailure: a rank has left without sending what it should.
        """
        if not self.under_way:
            return
        for peer, connection in connections.items():
            if connection.arrived:
                self._settle_received(connection, accept)
            if peer in self._sending:
                self._settle_sent(connection, self._sending[peer])
            if connection.left and connection.expected:
                missing = connection.expected[0].call
                raise PeerFailure(peer, f"it closed its communicator while rank {rank} was in {missing}")

    def _settle_sent(self, connection: Connection, sending: deque[SendTransfer]) -> None:
        """Messages to one peer leave in order."""
        while sending and connection.queue.gone >= sending[0].mark:
            sending.popleft().done = True
            self.under_way -= 1

    def _settle_received(self, connection: Connection, accept: Callable[[ReceiveTransfer], None]) -> None:
        arrived = connection.arrived.copy()
        connection.arrived.clear()
        for transfer in arrived:
            accept(transfer)
            transfer.done = True
            self.under_way -= 1
