"""What goes wrong on channels over storage, provoked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

import fmi
import tests.fmi.support.folder_channel  # noqa: F401 - registers the channel named Folder
from fmi.channels.storage._heartbeat import ALIVE_S
from fmi.channels.storage.s3_store import ATTEMPTS, S3Store
from tests.fmi.support.services import STORAGE, Services
from tests.fmi.support.worlds import PATIENCE_S, SECRET, World
from tests.support.breaking_s3 import breaking_s3

INT = fmi.types(fmi.datatypes.int)
SUM = fmi.func(fmi.op.sum)

_VICTIM = """
import json, os, sys, fmi
comm = fmi.Communicator(1, 2, json.loads(sys.argv[1]), sys.argv[2])
comm.barrier()
print("ready", flush=True)
sys.stdin.readline()
"""


def ints(n: int) -> fmi.types:
    return fmi.types(fmi.datatypes.int_list, n)


@pytest.mark.parametrize("channel", STORAGE)
def test_abort_reaches_everyone(channel_world: Callable[..., World], channel: str) -> None:
    late = threading.Event()

    def body(comm: fmi.Communicator) -> None:
        comm.allreduce(comm.rank, SUM, INT)
        if comm.rank == 0:
            comm.abort("the data is bad")
            late.set()
        elif comm.rank == 3:
            late.wait(PATIENCE_S)
            comm.recv(0, INT)
        else:
            comm.recv(0, INT)

    errors = channel_world(4, channel).errors(body)
    assert errors[0] is None
    for error in errors[1:]:
        assert isinstance(error, fmi.PeerFailure)
        assert (error.rank, error.reason) == (0, "the data is bad")


@pytest.mark.parametrize("channel", STORAGE)
def test_a_rank_that_never_comes_is_named(channel_world: Callable[..., World], channel: str) -> None:
    everyone = channel_world(2, channel, peer_timeout=700)
    error = everyone.errors(lambda comm: comm.barrier() if comm.rank == 0 else None)[0]
    assert isinstance(error, fmi.Timeout)
    assert error.missing == (1,)


@pytest.mark.parametrize("channel", STORAGE)
def test_a_rank_that_sends_nothing_is_named(channel_world: Callable[..., World], channel: str) -> None:
    everyone = channel_world(2, channel, peer_timeout=3000)
    everyone.run(lambda comm: comm.barrier())
    error = everyone.errors(lambda comm: comm.recv(1, INT) if comm.rank == 0 else None)[0]
    assert isinstance(error, fmi.Timeout)
    assert error.missing == (1,)


@pytest.mark.parametrize("channel", STORAGE)
def test_a_peer_that_closed_is_a_failure_but_what_it_sent_arrives(
    channel_world: Callable[..., World], channel: str
) -> None:
    closed = threading.Event()

    def body(comm: fmi.Communicator) -> int:
        comm.barrier()
        if comm.rank == 0:
            comm.send(7, 1, INT)
            comm.close()
            closed.set()
            return 0
        closed.wait(PATIENCE_S)
        assert comm.recv(0, INT) == 7
        return int(comm.recv(0, INT))

    error = channel_world(2, channel).errors(body)[1]
    assert isinstance(error, fmi.PeerFailure)
    assert "closed its communicator" in error.reason


@pytest.mark.parametrize("channel", STORAGE)
def test_ranks_that_disagree_both_get_an_error(channel_world: Callable[..., World], channel: str) -> None:
    def body(comm: fmi.Communicator) -> None:
        if comm.rank == 0:
            comm.allreduce([1, 2, 3], SUM, ints(3))
        else:
            comm.bcast([1, 2], 1, ints(2))
        comm.barrier()

    for error in channel_world(2, channel).errors(body):
        assert isinstance(error, fmi.MismatchError)
        assert "rank 0" in str(error)
        assert "rank 1" in str(error)


@pytest.mark.parametrize("channel", STORAGE)
def test_ranks_that_wait_for_each_other_find_out(channel_world: Callable[..., World], channel: str) -> None:
    errors = channel_world(2, channel).errors(lambda comm: comm.recv(1 - comm.rank, INT))
    assert all(isinstance(error, fmi.MismatchError) for error in errors)


def test_a_killed_rank_is_noticed_through_redis(services: Services) -> None:
    config = services.config("Redis")
    name = "victim"
    with (
        fmi.Communicator(0, 2, config, name) as comm,
        subprocess.Popen(
            [sys.executable, "-c", _VICTIM, json.dumps(config), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(os.environ),
            text=True,
        ) as victim,
    ):
        comm.barrier()
        assert victim.stdout
        assert victim.stdout.readline() == "ready\n"
        victim.kill()
        with pytest.raises(fmi.PeerFailure, match=f"no sign of life for {ALIVE_S:g} s") as caught:
            comm.recv(1, INT)
        assert caught.value.rank == 1


@pytest.mark.parametrize("channel", STORAGE)
def test_what_an_earlier_run_left_behind_is_never_read(services: Services, channel: str) -> None:
    """The ranks of the first run write to each other and vanish without a word."""
    config = services.config(channel)
    name = f"again {channel}"
    dead = World(2, config, name)
    dead.run(lambda comm: comm.barrier())
    dead.run(lambda comm: comm.send([13], 1 - comm.rank, ints(1)))
    assert services.keys(channel)
    with World(2, config, name) as alive:
        assert alive.run(lambda comm: comm.allreduce([comm.rank], SUM, ints(1))) == [[1], [1]]
    dead.close()


@pytest.mark.parametrize("channel", STORAGE)
def test_another_secret_is_another_world(services: Services, channel: str) -> None:
    config = services.config(channel, peer_timeout=700)
    with (
        World(2, config, "same") as mine,
        World(2, {**config, "secret": "another secret of this test"}, "same") as other,
    ):
        futures = [mine.start(lambda comm: comm.barrier() if comm.rank == 0 else None)[0]]
        futures += [other.start(lambda comm: comm.barrier() if comm.rank == 1 else None)[1]]
        assert all(isinstance(future.exception(PATIENCE_S), fmi.Timeout) for future in futures)


def test_a_message_that_was_changed_is_refused(services: Services) -> None:
    config = services.config("Folder")
    with World(2, config, "tampered") as everyone:
        everyone.run(lambda comm: comm.barrier())
        everyone.run(lambda comm: comm.send(7, 1, INT) if comm.rank == 0 else None)
        (message,) = services.folder.glob("fmi/tampered-*/1/0/*/s0.0")
        content = message.read_bytes()
        message.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        error = everyone.errors(lambda comm: comm.recv(0, INT) if comm.rank == 1 else None)[1]
    assert isinstance(error, fmi.PeerFailure)
    assert "signature" in error.reason


@pytest.mark.parametrize(
    ("channel", "settings", "words"),
    [
        ("Redis", {"port": 1}, "127.0.0.1:1"),
        ("Redis", {"url": "nonsense"}, "url"),
        ("S3", {}, "bucket_name"),
        ("S3", {"bucket_name": "absent"}, "absent"),
    ],
)
def test_a_service_that_is_not_there_is_named(
    services: Services, channel: str, settings: dict[str, object], words: str
) -> None:
    if "bucket_name" in settings:
        settings["endpoint_url"] = services.endpoint
    config = {"backends": {channel: settings}, "secret": SECRET}
    with pytest.raises((fmi.ChannelError, fmi.ConfigError), match=words):
        fmi.Communicator(0, 2, config, "none").barrier()


@pytest.mark.parametrize("channel", ["Redis", "S3"])
def test_a_service_that_never_answers_is_given_up_once(services: Services, channel: str) -> None:
    """Not once for every attempt, nor again to tell the others."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        config = services.config(channel, stall_timeout=1000)
        config["backends"][channel] |= {"port": port, "endpoint_url": f"http://127.0.0.1:{port}"}
        comm = fmi.Communicator(0, 2, config, "silence")
        started = time.monotonic()
        with pytest.raises(fmi.ChannelError, match=r"(?i)timeout"):
            comm.barrier()
        assert time.monotonic() - started < PATIENCE_S


@pytest.mark.usefixtures("services")
def test_an_object_whose_connection_breaks_is_read_again() -> None:
    with breaking_s3(b"a message" * 10_000) as server:
        server.breaks = ATTEMPTS - 1
        store = S3Store({"bucket_name": "messages", "endpoint_url": server.endpoint}, PATIENCE_S)
        try:
            assert store.get("key") == server.content
            server.breaks = ATTEMPTS
            with pytest.raises(fmi.ChannelError, match="messages"):
                store.get("key")
        finally:
            store.close()
