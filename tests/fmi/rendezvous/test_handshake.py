"""Names, proofs, impostors and corpses while ranks pair."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fmi
from fmi._tasks import Task, Wait
from fmi.protocol.tcpunch import (
    V2_RESPONSE_BYTES,
    Address,
    Response,
    Status,
    decode_v2_response,
    encode_v2_request,
)
from fmi.rendezvous.client import bound_socket
from fmi.rendezvous.handshake import AttemptFailed, AuthenticationFailed, Pair, derive, exchange, handshake
from tests.fmi.support.tasks import drive
from tests.fmi.support.worlds import PATIENCE_S, World, config_for

SECRET = b"a shared secret of all tests"
INT = fmi.types(fmi.datatypes.int)
SUM = fmi.func(fmi.op.sum)


def pair(rank: int, peer: int, secret: bytes = SECRET, world_size: int = 2) -> Pair:
    return derive(secret, "world", rank, peer, world_size)


def meet(*sides: Callable[[socket.socket], Task[Any]]) -> list[BaseException | None]:
    """Run two sides over a connection; what each raises."""

    def run(side: Callable[[socket.socket], Task[Any]], sock: socket.socket) -> None:
        with sock:
            sock.setblocking(False)
            drive(side(sock))

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(run, *each) for each in zip(sides, socket.socketpair(), strict=True)]
        return [future.exception(PATIENCE_S) for future in futures]


def soon() -> float:
    return time.monotonic() + 5


def honest(mine: Pair, probe_bytes: int = 1 << 16) -> Callable[[socket.socket], Task[None]]:
    return lambda sock: handshake(sock, mine, probe_bytes, soon())


def test_both_ranks_of_a_pair_derive_the_same_name_and_prove_it() -> None:
    assert pair(0, 1).name == pair(1, 0).name
    assert meet(honest(pair(0, 1)), honest(pair(1, 0))) == [None, None]


@given(
    st.lists(st.tuples(st.text(max_size=3), st.integers(0, 20), st.integers(0, 20)), min_size=2, max_size=2)
)
def test_no_two_pairs_share_a_name(identities: list[tuple[str, int, int]]) -> None:
    (name, a, b), (other_name, c, d) = identities
    same = (name, *sorted((a, b))) == (other_name, *sorted((c, d)))
    assert (derive(SECRET, name, a, b, 30).name == derive(SECRET, other_name, c, d, 30).name) == same


def test_names_of_the_original_that_collided_do_not() -> None:
    assert derive(SECRET, "A", 11, 0, 12).name != derive(SECRET, "A1", 1, 0, 12).name


def test_a_wrong_secret_is_refused_by_both() -> None:
    errors = meet(honest(pair(0, 1)), honest(pair(1, 0, b"another")))
    assert any(isinstance(error, AuthenticationFailed) for error in errors)
    assert all(isinstance(error, AttemptFailed) for error in errors)


def test_a_reflection_is_refused() -> None:
    def mirror(sock: socket.socket) -> Task[None]:
        while True:
            data = yield from exchange(sock, b"", 48, soon())
            yield from exchange(sock, data, 0, soon())

    assert isinstance(meet(honest(pair(0, 1)), mirror)[0], AuthenticationFailed)


def test_a_replay_is_refused() -> None:
    heard: list[bytes] = []

    def listen(sock: socket.socket) -> Task[None]:
        """Rank 0, noting what rank 1 sends."""
        return handshake(_Noting(sock, heard), pair(0, 1), 0, soon())  # type: ignore[arg-type]

    assert meet(listen, honest(pair(1, 0), 0)) == [None, None]
    said = b"".join(heard)

    def replay(sock: socket.socket) -> Task[bytes]:
        return exchange(sock, said, 48 + 32, soon())

    assert isinstance(meet(honest(pair(0, 1), 0), replay)[0], AuthenticationFailed)


class _Noting:
    """A socket that keeps what it receives."""

    def __init__(self, sock: socket.socket, heard: list[bytes]) -> None:
        self._sock = sock
        self._heard = heard
        self.fileno = sock.fileno
        self.send = sock.send

    def recv_into(self, buffer: memoryview) -> int:
        count = self._sock.recv_into(buffer)
        self._heard.append(bytes(buffer[:count]))
        return count


@pytest.mark.parametrize("length", [0, 1, 47, 48, 79])
def test_a_truncated_handshake_fails_the_attempt(length: int) -> None:
    def truncated(sock: socket.socket) -> Task[bytes]:
        return exchange(sock, bytes(length), 0, soon())

    assert isinstance(meet(honest(pair(0, 1)), truncated)[0], AttemptFailed)


def test_a_connection_that_stalls_during_the_probe_fails_the_attempt() -> None:
    def stalling(sock: socket.socket) -> Task[None]:
        """The peer's packets get lost after the first kilobytes."""
        with contextlib.suppress(AttemptFailed):
            yield from handshake(sock, pair(1, 0), 1000, soon())
        yield Wait({}, time.monotonic() + 0.3)

    def impatient(sock: socket.socket) -> Task[None]:
        return handshake(sock, pair(0, 1), 1 << 20, time.monotonic() + 0.2)

    assert "stalled" in str(meet(impatient, stalling)[0])


class Outsider:
    """A raw client of the rendezvous server."""

    def __init__(self, address: Address) -> None:
        self.sock = bound_socket(0)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(address)
        self.port = self.sock.getsockname()[1]

    def ask(self, name: bytes) -> None:
        self.sock.sendall(encode_v2_request(name))
        assert self.answer().status is Status.WAITING

    def answer(self) -> Response:
        return decode_v2_response(self.sock.recv(V2_RESPONSE_BYTES, socket.MSG_WAITALL))

    def punch(self, peer: Address) -> socket.socket:
        """A connection to the peer from the port it expects."""
        for _ in range(1000):
            sock = bound_socket(self.port)
            sock.settimeout(PATIENCE_S)
            try:
                sock.connect(peer)
            except ConnectionRefusedError:
                sock.close()
            else:
                return sock
        raise AssertionError("the peer does not listen")


@pytest.mark.parametrize("says", [b"?", b"x" * 200, b"FMI\x01" + bytes(44) + bytes(32)])
def test_an_impostor_that_knows_the_name_is_refused_and_the_honest_rank_still_pairs(
    address: Address, caplog: pytest.LogCaptureFixture, says: bytes
) -> None:
    caplog.set_level(logging.INFO, "fmi")
    comm_name = f"impostor {len(says)}"
    impostor = Outsider(address)
    impostor.ask(derive(SECRET, comm_name, 0, 1, 2).name)
    config = config_for(address)
    with (
        impostor.sock,
        ThreadPoolExecutor(2) as pool,
        fmi.Communicator(0, 2, config, comm_name) as first,
        fmi.Communicator(1, 2, config, comm_name) as second,
    ):
        mine = pool.submit(first.allreduce, 1, SUM, INT)
        with impostor.punch(impostor.answer().peer) as sock:
            sock.sendall(says)
            sock.close()
            assert pool.submit(second.allreduce, 2, SUM, INT).result(PATIENCE_S) == 3
            assert mine.result(PATIENCE_S) == 3
    assert ("rank 0 refused" if len(says) > 1 else "during the handshake") in caplog.text


def test_a_world_with_another_secret_is_never_met(address: Address) -> None:
    with (
        World(2, address, "secrets", peer_timeout=500) as honest_world,
        fmi.Communicator(
            1, 2, config_for(address, "another secret of tests", peer_timeout=500), "secrets"
        ) as stranger,
        ThreadPoolExecutor(1) as pool,
    ):
        lonely = pool.submit(stranger.barrier)
        honest_world.run(lambda comm: comm.barrier())
        assert isinstance(lonely.exception(PATIENCE_S), fmi.Timeout)


def test_a_corpse_of_an_earlier_run_is_not_paired_with(address: Address) -> None:
    corpse = Outsider(address)
    corpse.ask(derive(SECRET, "corpse", 0, 1, 2).name)
    corpse.sock.close()
    with World(2, address, "corpse") as everyone:
        assert everyone.run(lambda comm: comm.allreduce(1, SUM, INT)) == [2, 2]


def test_a_frozen_rank_of_an_earlier_run_costs_one_attempt(
    address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    """It is connected to the server, so it gets paired; but it never comes."""
    caplog.set_level(logging.INFO, "fmi")
    frozen = Outsider(address)
    frozen.ask(derive(SECRET, "frozen", 0, 1, 2).name)
    with frozen.sock, World(2, address, "frozen", setup_timeout=300) as everyone:
        assert everyone.run(lambda comm: comm.allreduce(1, SUM, INT)) == [2, 2]
    assert f"no connection to 127.0.0.1:{frozen.port} came about" in caplog.text


def test_the_first_protocol_version_pairs_too(world: Callable[..., World]) -> None:
    assert world(4, protocol=1).run(lambda comm: comm.allreduce(comm.rank, SUM, INT)) == [6] * 4


def test_thousands_of_spent_connections_do_not_keep_a_world_from_pairing(address: Address) -> None:
    for _ in range(3000):  # each leaves a port in TIME_WAIT
        sock = socket.create_connection(address)
        sock.close()
    with World(2, address) as everyone:
        everyone.run(lambda comm: comm.barrier())


def test_setting_up_over_loopback_takes_no_tenths_of_a_second(address: Address) -> None:
    def set_up() -> float:
        with World(2, address) as everyone:
            started = time.perf_counter()
            everyone.run(lambda comm: comm.barrier())
            return time.perf_counter() - started

    assert min(set_up() for _ in range(5)) < 0.05
