"""Several channels as one: each call goes over the channel that the model chooses for it.

A channel connects to a peer when the first call with it goes over that channel. While a rank waits on one
channel it checks the others about once a second: otherwise it would notice only at the time limit that a rank
has aborted or died there, or waits there for this one because the two disagree.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping
from weakref import WeakKeyDictionary

from fmi._tasks import Wait
from fmi.channels.base import Channel, World, hints
from fmi.channels.policy import ChannelPolicy
from fmi.errors import FMIError, MismatchError
from fmi.protocol.frames import HEADER_BYTES, Abort, Call, Operation
from fmi.protocol.transfer import ReceiveTransfer, Transfer


class MultiChannel(Channel):
    """Sends each call over one of several channels.

    Args:
        world: who this rank is.
        channels: the channels by name; this one closes them.
    """

    def __init__(self, world: World, channels: Mapping[str, Channel]) -> None:
        super().__init__()
        self._rank = world.rank
        self._channels = dict(channels)
        self._policy = ChannelPolicy(channels, world.config.model, world.size, world.config.faas_memory)
        self._current = next(iter(self._channels.values()))
        self._call: Call | None = None
        self._unconnected: set[int] = set()
        self._carriers: WeakKeyDictionary[Transfer, Channel] = WeakKeyDictionary()
        self._suspicion = ""
        self.oversubscribed = any(channel.oversubscribed for channel in self._channels.values())
        for channel in self._channels.values():
            channel.on_idle = self._check_other_channels

    def prefer(self, hint: hints) -> None:
        """Choose by speed or by price from now on."""
        self._policy.hint = hint

    # Calls

    def connect(self, peers: Iterable[int]) -> None:
        """Remember the peers of the next call; its channel is known when its first message is."""
        self._unconnected = set(peers)
        self._call = None

    def _for(self, peer: int, call: Call) -> Channel:
        """The channel of this call, ready to talk to the peers of the operation."""
        if call is not self._call:
            self._call = call
            self._current = self._channels[self._policy.choose(call)]
            before = self._current.setup_seconds
            # An operation that sends to one rank and receives from another may use two channels for it.
            self._current.connect([peer] if call.operation is Operation.SEND else self._unconnected)
            self.setup_seconds += self._current.setup_seconds - before
        return self._current

    def post(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> None:
        """Start sending; the payload must not change until `flush` returns."""
        self._for(peer, call).post(peer, call, payload, form)
        self.bytes_sent += HEADER_BYTES + len(payload)

    def flush(self) -> None:
        """Wait until everything posted is on its way."""
        for channel in self._channels.values():
            channel.flush()

    def receive(self, peer: int, call: Call, into: memoryview) -> int:
        """Wait for the peer's next message; return its form."""
        form = self._for(peer, call).receive(peer, call, into)
        self.bytes_received += HEADER_BYTES + len(into)
        return form

    def prepare(self, peer: int, call: Call, into: memoryview) -> None:
        """The next `receive` for this peer and call will be into this buffer."""
        self._for(peer, call).prepare(peer, call, into)

    def take(self, peer: int, call: Call) -> tuple[int, memoryview]:
        """Wait for a message of any length; return its form and payload."""
        form, payload = self._for(peer, call).take(peer, call)
        self.bytes_received += HEADER_BYTES + len(payload)
        return form, payload

    def rest(self) -> None:
        """End the operation on every channel."""
        for channel in self._channels.values():
            channel.rest()

    # Requests

    @property
    def outstanding(self) -> bool:
        """Whether requests move on by themselves on some channel."""
        return any(channel.outstanding for channel in self._channels.values())

    def start(self, peer: int, call: Call, payload: memoryview, form: int = 0) -> Transfer:
        """Start sending, whether or not the peer is connected."""
        channel = self._channels[self._policy.choose(call)]
        transfer = channel.start(peer, call, payload, form)
        self._carriers[transfer] = channel
        self.bytes_sent += HEADER_BYTES + len(payload)
        return transfer

    def expect(self, peer: int, call: Call, into: memoryview | None) -> ReceiveTransfer:
        """Start receiving a message that need not be there yet."""
        channel = self._channels[self._policy.choose(call)]
        transfer = channel.expect(peer, call, into)
        self._carriers[transfer] = channel
        return transfer

    def complete(self, transfer: Transfer, until: float = math.inf) -> None:
        """Wait until a transfer is done."""
        self._current = self._carriers[transfer]
        self._current.complete(transfer, until)

    def advance(self) -> None:
        """Move every transfer on that can be moved without waiting."""
        for channel in self._channels.values():
            channel.advance()

    def while_waiting(self, action: Callable[[], None] | None) -> None:
        """Have this done in the waits on every channel."""
        for channel in self._channels.values():
            channel.while_waiting(action)

    def waiting(self) -> Wait:
        """What to wait for before `advance` is worth calling."""
        waits = [channel.waiting() for channel in self._channels.values()]
        sockets = {fd: events for wait in waits for fd, events in wait.sockets.items()}
        return Wait(sockets, min(wait.until for wait in waits))

    # What happens on other channels

    def waits_for_me(self, peer: int) -> Call | None:
        """The call in which a peer waits for this rank on some channel."""
        calls = [channel.waits_for_me(peer) for channel in self._channels.values()]
        return next((call for call in calls if call is not None), None)

    def _check_other_channels(self, peers: Iterable[int]) -> None:
        """Raise the fault that another channel knows of one of these peers, if two checks in a row find it.

        Between the two checks, the channel that is waited on has had time to bring what the peer sent before.
        """
        fault = self._fault_of(list(peers))
        if fault is not None and str(fault) == self._suspicion:
            raise fault
        self._suspicion = str(fault or "")

    def _fault_of(self, peers: list[int]) -> FMIError | None:
        for channel in self._channels.values():
            if channel is self._current:
                continue
            for peer in peers:
                try:
                    theirs = channel.waits_for_me(peer)
                except FMIError as error:
                    return error
                if theirs is not None:
                    mine = self._call or "another call"
                    return MismatchError(
                        f"rank {self._rank} is in {mine}, but rank {peer} waits for it in {theirs}, "
                        "on another channel"
                    )
        return None

    # Ending

    def abort(self, abort: Abort) -> None:
        """Tell every other rank on every channel, first on the one in use, and close."""
        with contextlib.ExitStack() as stack:  # the last one first, and all of them, even if one cannot
            for channel in self._channels.values():
                if channel is not self._current:
                    stack.callback(channel.abort, abort)
            stack.callback(self._current.abort, abort)

    def close(self) -> None:
        """Let what was sent arrive, and close every channel."""
        with contextlib.ExitStack() as stack:  # all of them, even if one cannot
            for channel in self._channels.values():
                stack.callback(channel.close)
