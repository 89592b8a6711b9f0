"""Small calls made again and again go a shorter way; nothing else about them may differ."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fmi
from fmi.channels.direct.channel import DirectChannel
from fmi.collectives.select import LARGE_OVERSUBSCRIBED_BYTES
from fmi.protocol.tcpunch import Address
from fmi.transport.core import Outcome
from tests.fmi.support.worlds import World, needs_core

BIG = 256 << 20
ROUNDS = 3  # the first one goes the long way
KINDS: list[tuple[Any, tuple[int, ...]]] = [
    (np.float64, (1,)),
    (np.float32, (3, 5)),
    (np.int64, ()),
    (np.complex128, (1000,)),
    (np.bool_, (7,)),
    (np.longdouble, (2,)),
    (np.uint8, (16_000,)),
    # Where ranks share cores, and between two ranks, these are small, too, though they come in pieces.
    (np.float32, (300, 100)),
    (np.float64, (60_000,)),
    # Large everywhere; does not come out even.
    (np.int32, (262_145,)),
    (np.float64, (0,)),
]


def warm(comm: fmi.Communicator) -> None:
    """Have every operation of these tests made once."""
    for _ in range(2):
        comm.Barrier()
        comm.Allreduce(np.ones(4), np.empty(4))
        if comm.rank == 0:
            comm.Send(np.ones(4), 1)
        elif comm.rank == 1:
            comm.Recv(np.empty(4), 0)


@pytest.mark.parametrize("size", range(1, 9))
def test_every_round_has_the_right_result(kept_worlds: dict[int, World], size: int) -> None:
    def body(comm: fmi.Communicator) -> None:
        for turn in range(ROUNDS):
            for dtype, shape in KINDS:
                everyone: list[np.ndarray[Any, Any]] = [
                    np.full(shape, rank + turn, dtype) for rank in range(size)
                ]
                result: np.ndarray[Any, Any] = np.empty(shape, dtype)
                for op, ufunc in ((fmi.SUM, np.add), (fmi.MAX, np.maximum)):
                    comm.Allreduce(everyone[comm.rank], result, op)
                    assert np.array_equal(result, functools.reduce(ufunc, everyone)), (turn, dtype, shape)
            comm.Barrier()

    kept_worlds[size].run(body)


def test_messages_of_one_kind_keep_their_order_and_may_change_at_once(kept_worlds: dict[int, World]) -> None:
    def body(comm: fmi.Communicator) -> None:
        data = np.empty((2, 50))
        for number in range(200):
            if comm.rank == 0:
                data[...] = number
                comm.Send(data, 1)
                data[...] = -1
            elif comm.rank == 1:
                comm.Recv(data, 0)
                assert (data == number).all()

    kept_worlds[2].run(body)


ALIKE: dict[str, Callable[[fmi.Communicator, np.ndarray[Any, Any]], Any]] = {
    "a list": lambda comm, mine: comm.allreduce(
        mine.tolist(), fmi.SUM, fmi.types(fmi.datatypes.double_list, mine.size)
    ),
    "every other element": lambda comm, mine: comm.Allreduce(np.repeat(mine, 2)[::2], np.empty(mine.size)),
    "in place": lambda comm, mine: comm.Allreduce(fmi.IN_PLACE, mine),
    "the same array twice": lambda comm, mine: comm.Allreduce(mine, mine),
    "no array": lambda comm, mine: comm.Allreduce(mine.data, np.empty(mine.size).data),
}


@pytest.mark.parametrize("how", list(ALIKE))
@pytest.mark.parametrize(("size", "count"), [(2, 4), (3, 4), (2, 150_000), (4, 150_000)])
def test_a_rank_may_make_the_same_call_in_another_way(
    kept_worlds: dict[int, World], size: int, count: int, how: str
) -> None:
    def body(comm: fmi.Communicator) -> None:
        total = np.empty(count)
        for turn in range(2 * size):
            mine = np.full(count, float(comm.rank))
            if turn % size == comm.rank:
                ALIKE[how](comm, mine)
            else:
                comm.Allreduce(mine, total)
                assert (total == sum(range(size))).all()

    kept_worlds[size].run(body)


@pytest.mark.parametrize("size", [2, 4, 8])
def test_ranks_with_cores_of_their_own(monkeypatch: pytest.MonkeyPatch, address: Address, size: int) -> None:
    monkeypatch.setattr("fmi.channels.direct.channel.ranks_per_core", lambda *_: 1.0)

    def body(comm: fmi.Communicator) -> None:
        for turn in range(ROUNDS):
            for count in (3, 10_000, 100_001):
                result = np.empty(count)
                comm.Allreduce(np.full(count, float(comm.rank + turn)), result)
                assert (result == sum(range(size)) + size * turn).all()

    with World(size, address) as world:
        world.run(body)


@pytest.mark.parametrize("size", [2, 4])
def test_a_result_is_right_although_its_rounds_wait_behind_a_long_message(
    kept_worlds: dict[int, World], size: int
) -> None:
    """Ranks that wait for long say so, in frames that may be read to where the result will be."""
    far = size // 2
    count = (LARGE_OVERSUBSCRIBED_BYTES + (1 << 20)) // 8

    def body(comm: fmi.Communicator) -> None:
        both: np.ndarray[Any, Any] = np.empty(count)
        for _ in range(2):
            comm.Allreduce(np.ones(count), both)
        long = np.zeros(BIG, np.uint8) if comm.rank in (0, far) else np.empty(0)
        comm.Barrier()
        sending = comm.Isend(long, far) if comm.rank == 0 else None
        for mine in (np.ones(count), fmi.IN_PLACE):
            if mine is fmi.IN_PLACE:
                both[...] = 1
            comm.Allreduce(mine, both)
            assert (both == size).all()
        if comm.rank == far:
            comm.Recv(long, 0)
        if sending:
            sending.wait()
        comm.Barrier()

    kept_worlds[size].run(body)


@pytest.mark.parametrize("kinds", [3, 5])
def test_what_is_kept_is_bounded(kept_worlds: dict[int, World], kinds: int) -> None:
    def body(comm: fmi.Communicator) -> None:
        for turn in range(3 * kinds):
            count = (4 << 20) // 8 - turn % kinds
            result = np.empty(count)
            comm.Allreduce(np.ones(count), result)
            comm.Barrier()
            assert (result == comm.world_size).all()

    kept_worlds[2].run(body)


MISMATCHES: dict[str, tuple[Callable[[fmi.Communicator], Any], Callable[[fmi.Communicator], Any], str, str]]
MISMATCHES = {
    "operation": (
        lambda comm: comm.Allreduce(np.ones(4), np.empty(4)),
        lambda comm: comm.Barrier(),
        "allreduce(4 x float64",
        "barrier(",
    ),
    "size": (
        lambda comm: comm.Allreduce(np.ones(4), np.empty(4)),
        lambda comm: comm.Allreduce(np.ones(5), np.empty(5)),
        "4 x float64",
        "5 x float64",
    ),
    "function": (
        lambda comm: comm.Allreduce(np.ones(4), np.empty(4)),
        lambda comm: comm.Allreduce(np.ones(4), np.empty(4), fmi.MAX),
        "sum",
        "max",
    ),
    "message": (
        lambda comm: comm.Send(np.ones(4), 1),
        lambda comm: comm.Recv(np.ones(4, np.int64), 0),
        "4 x float64",
        "4 x int64",
    ),
    "nobody sends": (
        lambda comm: comm.Barrier(),
        lambda comm: comm.Recv(np.ones(4), 0),
        "barrier(",
        "send(",
    ),
}


@pytest.mark.parametrize("what", list(MISMATCHES))
def test_ranks_that_disagree_after_a_while_both_get_an_error_that_names_both_calls(
    world: Callable[..., World], what: str
) -> None:
    first, second, one, other = MISMATCHES[what]

    def body(comm: fmi.Communicator) -> None:
        warm(comm)
        (first if comm.rank == 0 else second)(comm)
        comm.Barrier()  # a rank that only sent learns of it in its next call

    for error in world(2).errors(body):
        assert isinstance(error, fmi.MismatchError)
        for words in ("rank 0", "rank 1", one, other):
            assert words in str(error)


def test_a_rank_that_leaves_after_a_while_is_a_failure_of_the_others(world: Callable[..., World]) -> None:
    def body(comm: fmi.Communicator) -> None:
        warm(comm)
        if comm.rank == 2:
            comm.close()
        else:
            comm.Barrier()

    errors = world(3).errors(body)
    for error in errors[:2]:
        assert isinstance(error, fmi.PeerFailure)
        assert error.rank == 2
        assert "barrier" in error.reason


def test_requests_go_on_beside(kept_worlds: dict[int, World]) -> None:
    n = 1 << 20

    def body(comm: fmi.Communicator) -> float:
        warm(comm)
        other, received = 1 - comm.rank, np.empty(n)
        requests = [comm.Irecv(received, other), comm.Isend(np.full(n, comm.rank + 1.0), other)]
        for _ in range(5):
            total = np.empty(4)
            comm.Allreduce(np.ones(4), total)
            assert (total == 2).all()
        fmi.waitall(requests)
        return float(received[0] + received[-1])

    assert kept_worlds[2].run(body) == [4.0, 2.0]


def test_wrong_arguments_are_refused_after_the_right_ones(kept_worlds: dict[int, World]) -> None:
    fixed = np.empty(4)
    fixed.flags.writeable = False

    def body(comm: fmi.Communicator) -> None:
        warm(comm)
        with pytest.raises(ValueError, match="recvbuf is read-only"):
            comm.Allreduce(np.ones(4), fixed)
        with pytest.raises(ValueError, match="buf is read-only"):
            comm.Recv(fixed, 1 - comm.rank)
        with pytest.raises(TypeError, match="dest"):
            comm.Send(np.ones(4), 1.0)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="recvbuf of float32"):
            comm.Allreduce(np.ones(4), np.empty(4, np.float32))
        comm.Barrier()

    kept_worlds[2].run(body)


@needs_core
def test_a_known_call_whose_messages_are_there_is_all_the_cores(world: Callable[..., World]) -> None:
    """Rank 1 is ahead by one call, so rank 0 finds its message."""
    everyone = world(2)
    everyone.run(warm)
    channel = everyone.comms[0]._session.channel
    assert isinstance(channel, DirectChannel)
    assert channel.core is not None
    for _ in range(2):  # the first of its kind, and a known one
        _, ahead = everyone.start(lambda comm: comm.Send(np.ones(4), 0) if comm.rank == 1 else None)
        ahead.result()
        sleeps = channel.core.sleeps
        everyone.comms[0].Recv(np.empty(4), 1)
        assert (channel.core.outcome, channel.core.sleeps) == (Outcome.DONE, sleeps)
    everyone.comms[0].Send(np.ones(4), 1)
    assert channel.core.outcome == Outcome.DONE
