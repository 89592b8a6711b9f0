"""How many messages and bytes each operation sends: for the model that chooses a channel.

Each count follows the algorithm that the operation really uses (`fmi.collectives.select`) and needs only what
every rank knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fmi.collectives.select import (
    LARGE_REDUCTION_BYTES,
    SEGMENT_BYTES,
    is_chain_faster,
    is_chain_reduction_faster,
    is_large_block,
    large_allreduce_bytes,
    uses_halving,
)
from fmi.collectives.topology import children, powers, span
from fmi.protocol.frames import Operation

# Where not every rank knows how much there is to send, it counts as this much.
NOMINAL_BYTES = 1024


class Traffic(NamedTuple):
    """What one call of an operation sends.

    Attributes:
        rounds: messages that have to wait for each other, or for one rank.
        serial_bytes: what these carry.
        messages: in all, on all ranks.
        total_bytes: what they carry.
    """

    rounds: int
    serial_bytes: int
    messages: int
    total_bytes: int


def traffic(operation: Operation, nbytes: int | None, size: int) -> Traffic:
    """What one call sends in a world of this size.

    Args:
        operation: which one.
        nbytes: as the call's `elements` says it: a rank's block for gather and allgather, everything for
            scatter, allgatherv and alltoall, the operand of a reduction; None where not every rank knows.
        size: number of ranks.
    """
    if size == 1:
        return Traffic(0, 0, 0, 0)
    return _COUNTS[operation](NOMINAL_BYTES if nbytes is None else nbytes, size)


def _send(n: int, _: int) -> Traffic:
    return Traffic(1, n, 1, n)


def _barrier(_: int, p: int) -> Traffic:
    rounds = len(powers(p))
    return Traffic(rounds, 0, p * rounds, 0)


def _bcast(n: int, p: int) -> Traffic:
    return _chain(n, p) if is_chain_faster(p, n) else _tree(n, p)


def _reduce(n: int, p: int) -> Traffic:
    return _chain(n, p) if is_chain_reduction_faster(p, n) else _tree(n, p)


def _chain(n: int, p: int) -> Traffic:
    pieces = _pieces(n)
    ahead = (p - 2) * min(n, SEGMENT_BYTES)
    return Traffic(p - 2 + pieces, n + ahead, (p - 1) * pieces, (p - 1) * n)


def _tree(n: int, p: int) -> Traffic:
    rounds = len(powers(p))
    return Traffic(rounds, rounds * n, p - 1, (p - 1) * n)


def _gather(block: int, p: int) -> Traffic:
    if is_large_block(block):
        return _star(block, p)
    forwarded = sum(span(place, p) for place in range(1, p))
    return Traffic(len(children(0, p)), (p - 1) * block, p - 1, forwarded * block)


def _star(block: int, p: int) -> Traffic:
    return Traffic(p - 1, (p - 1) * block, p - 1, (p - 1) * block)


def _allreduce(n: int, p: int) -> Traffic:
    """As ranks with cores of their own do it; others are on one machine, where there is nothing to choose.

    What is combined travels in segments, what is handed out does not.
    """
    if n < large_allreduce_bytes(p, oversubscribed=False):
        return _doubling(n, p)
    if not uses_halving(p):
        return _add(_ring_reduce(n, p), _ring_gather(n, p))
    rounds = len(powers(p))
    messages = sum(p * (_pieces(n // (2 * distance)) + 1) for distance in powers(p))
    return Traffic(2 * rounds, 2 * n * (p - 1) // p, messages, 2 * n * (p - 1))


def _doubling(n: int, p: int) -> Traffic:
    core = 1 << (p.bit_length() - 1)
    doublings = core.bit_length() - 1
    extra = p - core
    rounds = doublings + (2 if extra else 0)
    messages = core * doublings + 2 * extra
    return Traffic(rounds, rounds * n, messages, messages * n)


def _ring_reduce(n: int, p: int) -> Traffic:
    return Traffic(p - 1, n * (p - 1) // p, p * (p - 1) * _pieces(n // p), n * (p - 1))


def _ring_gather(n: int, p: int) -> Traffic:
    return Traffic(p - 1, n * (p - 1) // p, p * (p - 1), n * (p - 1))


def _reduce_scatter(n: int, p: int) -> Traffic:
    return _ring_reduce(n, p) if n >= LARGE_REDUCTION_BYTES else _doubling(n, p)


def _scan(n: int, p: int) -> Traffic:
    messages = sum(p - distance for distance in powers(p))
    return Traffic(len(powers(p)), len(powers(p)) * n, messages, messages * n)


def _allgather(block: int, p: int) -> Traffic:
    if is_large_block(block):
        return _ring_gather(block * p, p)
    rounds = len(powers(p))
    return Traffic(rounds, (p - 1) * block, p * rounds, p * (p - 1) * block)


def _alltoall(n: int, p: int) -> Traffic:
    return Traffic(p - 1, n * (p - 1) // p, p * (p - 1), (p - 1) * n)


def _split(n: int, p: int) -> Traffic:
    """The ranks' colors and keys go up a tree, and all of them down again."""
    return _add(_gather(n, p), _tree(n * p, p))


def _add(first: Traffic, then: Traffic) -> Traffic:
    return Traffic(*(a + b for a, b in zip(first, then, strict=True)))


def _pieces(n: int) -> int:
    return max(1, -(-n // SEGMENT_BYTES))


_COUNTS: dict[Operation, Callable[[int, int], Traffic]] = {
    Operation.SEND: _send,
    Operation.BARRIER: _barrier,
    Operation.BCAST: _bcast,
    Operation.REDUCE: _reduce,
    Operation.GATHER: _gather,
    Operation.SCATTER: lambda n, p: _gather(n // p, p),
    Operation.GATHERV: _star,
    Operation.SCATTERV: _star,
    Operation.ALLREDUCE: _allreduce,
    Operation.REDUCE_SCATTER: _reduce_scatter,
    Operation.SCAN: _scan,
    Operation.EXSCAN: _scan,
    Operation.ALLGATHER: _allgather,
    Operation.ALLGATHERV: _ring_gather,
    Operation.ALLTOALL: _alltoall,
    Operation.SPLIT: _split,
}
