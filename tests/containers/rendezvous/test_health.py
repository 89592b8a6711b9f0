"""The image's health check, on servers as processes."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack, suppress

from containers.rendezvous.health import is_healthy
from fmi.protocol.tcpunch import encode_v2_request
from tests.containers.rendezvous.support.processes import PATIENCE_S, server


def test_the_health_check_finds_a_server_and_misses_none() -> None:
    def check(**environment: str) -> int:
        command = [sys.executable, "-m", "containers.rendezvous.health"]
        return subprocess.run(command, env=environment, check=False, timeout=PATIENCE_S).returncode

    with server() as it:
        assert check(METRICS_PORT=str(it.metrics_port)) == 0
        assert check(METRICS_PORT=str(it.port)) == 1  # something answers, but nothing that is well
    assert check(METRICS_PORT=str(it.metrics_port)) == 1


def test_a_server_that_is_full_for_want_of_files_is_still_healthy() -> None:
    few_files = ["sh", "-c", 'ulimit -n 100; exec "$@"', "sh"]
    with server(launcher=few_files) as it, ExitStack() as clients:
        for number in range(150):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", it.port)))
            with suppress(OSError):  # turned away already
                client.sendall(encode_v2_request(str(number).encode()))
        while it.metrics()["rendezvous_connections_total"] < 150:
            pass
        assert is_healthy(it.metrics_port)
