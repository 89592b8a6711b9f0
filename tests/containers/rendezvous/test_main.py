"""`python -m containers.rendezvous` as a process."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fmi.wire import V1_RESPONSE_BYTES

COMMAND = [sys.executable, "-m", "containers.rendezvous"]
PATIENCE_S = 20.0


@contextmanager
def server(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server process and the port that it says it listens on."""
    process = subprocess.Popen(
        [*COMMAND, "--host", "127.0.0.1", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            found = re.fullmatch(r"rendezvous server listening on 127\.0\.0\.1:(\d+)\n", line)
            assert found, line
            yield process, int(found[1])
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_gracefully_and_its_log_is_json(number: signal.Signals) -> None:
    with server("--port", "0") as (process, port), socket.create_connection(("127.0.0.1", port)) as waiting:
        waiting.sendall(b"pair")
        assert len(waiting.recv(V1_RESPONSE_BYTES, socket.MSG_WAITALL)) == V1_RESPONSE_BYTES
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        assert waiting.recv(1) == b""
    events = [json.loads(line)["event"] for line in errors.splitlines()]
    assert events[0] == "listening"
    assert events[-1] == "stopped"


def test_the_port_comes_from_the_environment_and_the_check_finds_it() -> None:
    with server(PORT="0") as (_, port):
        check = [*COMMAND, "--check", "--port", str(port)]
        assert subprocess.run(check, check=False, timeout=PATIENCE_S).returncode == 0


def test_the_check_fails_without_a_server() -> None:
    check = [*COMMAND, "--check", "--port", "1"]
    assert subprocess.run(check, check=False, timeout=PATIENCE_S).returncode == 1


def test_a_taken_port_is_one_sentence() -> None:
    with server("--port", "0") as (_, port):
        second = [*COMMAND, "--host", "127.0.0.1", "--port", str(port)]
        done = subprocess.run(second, check=False, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--port", "many"], ["--nothing"]])
def test_wrong_arguments(arguments: list[str]) -> None:
    done = subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, timeout=PATIENCE_S)
    assert done.returncode == 2
