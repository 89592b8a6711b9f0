"""Messages between two ranks through arrays, after mpi4py's upper-case convention."""

from __future__ import annotations

import numpy as np

from fmi._datatypes import Array, Form, dtype_code
from fmi.channels.direct.persistent import PersistentReceive, PersistentSend
from fmi.collectives.context import as_bytes
from fmi.comm._arrays import Buffer, Incoming, apart, outgoing
from fmi.comm._messages import Messages
from fmi.comm._requests import Request
from fmi.protocol.frames import Call, Operation


class ArrayMessages(Messages):
    """Send, Recv, Sendrecv, Isend and Irecv.

    Between two ranks messages arrive in the order in which they were sent; there are no tags. Both sides use
    the same element type and number of elements, whatever the shapes. See `fmi.comm._arrays` for what is
    taken as an array. Raises TypeError or ValueError for wrong arguments before anything is sent.
    """

    def Send(self, buf: Buffer, dest: int) -> None:  # noqa: N802 - mpi4py's name
        """Send an array; return when it may change."""
        if type(buf) is np.ndarray and type(dest) is int:
            known = self._kinds.get(("to", dest, buf.dtype, buf.shape))
            if known is not None:
                self._replay(known, self._sent_to, dest, buf)
                return
        self._check_peer(dest, "dest")
        array = outgoing(buf, "buf")
        self._run(Operation.SEND, [dest], lambda: self._post(array, dest))
        if type(buf) is np.ndarray and array.size:
            kind, call = ("to", dest, buf.dtype, buf.shape), _call(array)
            self._remember(kind, array.nbytes, lambda channel: PersistentSend(channel, call, buf.shape, dest))

    def Recv(self, buf: Buffer, source: int) -> None:  # noqa: N802
        """Fill an array with what that rank sends."""
        if type(buf) is np.ndarray and type(source) is int and buf.flags.writeable:
            known = self._kinds.get(("from", source, buf.dtype, buf.shape))
            if known is not None:
                self._replay(known, self._received_from, source, None, buf)
                return
        self._check_peer(source, "source")
        target = Incoming(buf, "buf")
        self._run(Operation.SEND, [source], lambda: self._receive_into(target.flat, source), "recv")
        target.settle()
        if type(buf) is np.ndarray and target.flat.size:
            kind, call = ("from", source, buf.dtype, buf.shape), _call(target.flat)
            self._remember(
                kind, buf.nbytes, lambda channel: PersistentReceive(channel, call, buf.shape, source)
            )

    def Sendrecv(self, sendbuf: Buffer, dest: int, recvbuf: Buffer, source: int) -> None:  # noqa: N802
        """Send an array and fill another one, at once; either rank may be this one itself."""
        self._check_rank(dest, "dest")
        self._check_rank(source, "source")
        array, target = outgoing(sendbuf, "sendbuf"), Incoming(recvbuf, "recvbuf")
        array = apart(array, target.flat)

        def action() -> None:
            self._post(array, dest)
            self._receive_into(target.flat, source)

        peers = {dest, source} - {self.rank}
        self._run(Operation.SEND, peers, action, "sendrecv")
        target.settle()

    def Isend(self, buf: Buffer, dest: int) -> Request[None]:  # noqa: N802
        """Start sending an array, which must not change until the request is done."""
        self._check_rank(dest, "dest")
        array = outgoing(buf, "buf")
        code = dtype_code(array.dtype)
        transfer = self._start(dest, code, array.size, as_bytes(array), Form.ARRAY)
        return Request(self, transfer, lambda: None)

    def Irecv(self, buf: Buffer, source: int) -> Request[None]:  # noqa: N802
        """Start filling an array, which must not be read until the request is done.

        An array that is not contiguous is filled when `wait`, `test` or `waitany` says that it is done.
        """
        self._check_rank(source, "source")
        target = Incoming(buf, "buf")
        code = dtype_code(target.flat.dtype)
        transfer = self._expect(source, code, target.flat.size, as_bytes(target.flat))
        return Request(self, transfer, target.settle)

    def _post(self, array: Array, dest: int) -> None:
        call = self._message_to(dest, dtype_code(array.dtype), array.size)
        if dest == self.rank:
            self._loopback.start(call, as_bytes(array), Form.ARRAY)
        else:
            self._channel.post(dest, call, as_bytes(array), Form.ARRAY)

    def _receive_into(self, array: Array, source: int) -> None:
        call = self._message_from(source, dtype_code(array.dtype), array.size)
        if source == self.rank:
            self._loopback.complete(self._loopback.expect(call, as_bytes(array)))
        else:
            self._channel.receive(source, call, as_bytes(array))


def _call(array: Array) -> Call:
    """The call of a message with such an array, with number 0."""
    return Call(Operation.SEND, 0, dtype_code(array.dtype), array.size)
