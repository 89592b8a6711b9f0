"""`python -m containers.rendezvous` as a process."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from fmi.protocol.tcpunch import V1_RESPONSE_BYTES
from tests.containers.rendezvous.support.processes import COMMAND, PATIENCE_S, server

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_gracefully_and_its_log_is_json(number: signal.Signals) -> None:
    with server() as it, socket.create_connection(("127.0.0.1", it.port)) as waiting:
        waiting.sendall(b"pair")
        assert len(waiting.recv(V1_RESPONSE_BYTES, socket.MSG_WAITALL)) == V1_RESPONSE_BYTES
        it.process.send_signal(number)
        _, errors = it.process.communicate(timeout=PATIENCE_S)
        assert it.process.returncode == 0
        assert waiting.recv(1) == b""
    lines = [json.loads(line) for line in errors.splitlines()]
    events = [line["event"] for line in lines]
    assert "listening" in events
    assert events[-1] == "stopped"
    [figures] = [line for line in lines if line["event"] == "figures"]
    counted = {name: figures[name] for name in ("connections", "pairs", "refused", "timed_out")}
    assert counted == {"connections": 1, "pairs": 0, "refused": 0, "timed_out": 0}


def test_settings_come_from_the_environment() -> None:
    with (
        server(PORT="0", METRICS_PORT="0", MAX_CONNECTIONS_PER_ADDRESS="1") as it,
        socket.create_connection(("127.0.0.1", it.port)) as first,
    ):
        first.sendall(b"pair")
        assert len(first.recv(V1_RESPONSE_BYTES, socket.MSG_WAITALL)) == V1_RESPONSE_BYTES
        with socket.create_connection(("127.0.0.1", it.port), PATIENCE_S) as second:
            assert second.recv(1) == b""
        assert it.metrics()['rendezvous_refused_total{reason="address"}'] == 1


def test_health_and_metrics_are_there_while_clients_wait() -> None:
    with server() as it, socket.create_connection(("127.0.0.1", it.port)) as waiting:
        waiting.sendall(b"pair")
        assert len(waiting.recv(V1_RESPONSE_BYTES, socket.MSG_WAITALL)) == V1_RESPONSE_BYTES
        with urllib.request.urlopen(f"http://127.0.0.1:{it.metrics_port}/healthz") as answer:
            health = json.load(answer)
        assert (health["status"], health["waiting_for_a_peer"]) == ("ok", 1)
        metrics = it.metrics()
        assert metrics["rendezvous_waiting_for_a_peer"] == 1
        assert metrics['rendezvous_requests_total{kind="v1"}'] == 1


@pytest.mark.parametrize("option", ["--port", "--metrics-port"])
def test_a_taken_port_is_one_sentence(option: str) -> None:
    with server() as it:
        second = [*COMMAND, "--host", "127.0.0.1", "--port", "0", option, str(it.port)]
        done = subprocess.run(second, check=False, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"cannot listen on 127.0.0.1:{it.port}: Address already in use"
    assert "Traceback" not in done.stderr


def test_the_help_shows_an_example_and_the_variables() -> None:
    done = subprocess.run(
        [*COMMAND, "--help"], check=True, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert "python -m containers.rendezvous --port 10000" in done.stdout
    for variable in ("PORT", "METRICS_PORT", "MAX_WAITING", "LOG_LEVEL"):
        assert variable in done.stdout


def test_the_files_of_the_image_are_all_it_needs(tmp_path: Path) -> None:
    """The image installs nothing, so the copied files must do with the standard library."""
    dockerfile = (ROOT / "containers" / "rendezvous" / "Dockerfile").read_text()
    copies = re.findall(r"^COPY (.+) (\S+)$", dockerfile, re.MULTILINE)
    assert copies
    for sources, target in copies:
        (tmp_path / target).mkdir(parents=True, exist_ok=True)
        for source in sources.split():
            for path in ROOT.glob(source):
                if path.is_dir():  # of which Docker copies the content
                    shutil.copytree(path, tmp_path / target, dirs_exist_ok=True)
                else:
                    shutil.copy(path, tmp_path / target)
    for module in ("containers.rendezvous", "containers.rendezvous.health"):
        bare = [sys.executable, "-S", "-E", "-m", module, "--help"]
        assert subprocess.run(bare, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    healthcheck = re.search(r'HEALTHCHECK.*\n.*"-m", "([\w.]+)"', dockerfile)
    assert healthcheck
    assert healthcheck[1] == "containers.rendezvous.health"


def test_it_stops_without_an_error_while_the_monitor_is_being_asked() -> None:
    with server() as it, socket.create_connection(("127.0.0.1", it.metrics_port)) as asking:
        asking.sendall(b"GET /metrics")  # and never the rest
        assert it.metrics()["rendezvous_open_connections"] == 0  # so it has taken in the one before
        it.process.terminate()
        _, errors = it.process.communicate(timeout=PATIENCE_S)
        assert it.process.returncode == 0
    assert [line for line in errors.splitlines() if json.loads(line)["level"] == "ERROR"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "many"], "a whole number from 0 to 65535, not 'many'"),
        (["--nothing"], "unrecognized arguments: --nothing"),
        (["--max-waiting", "0"], "a whole number of at least 1, not '0'"),
        (["--port", "-1"], "a whole number from 0 to 65535, not '-1'"),
        (["--metrics-port", "65536"], "a whole number from 0 to 65535, not '65536'"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str) -> None:
    done = subprocess.run(
        [*COMMAND, *arguments], check=False, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(message)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PORT": "70000"}, "a whole number from 0 to 65535, not '70000'"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL has to be DEBUG, INFO, WARNING, ERROR or CRITICAL, not 'loud'"),
    ],
)
def test_wrong_variables(variables: dict[str, str], message: str) -> None:
    done = subprocess.run(
        COMMAND,
        env={**os.environ, **variables},
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(message)


def test_it_exits_by_itself_when_nobody_comes() -> None:
    with server("--idle-exit", "1") as it:
        _, errors = it.process.communicate(timeout=PATIENCE_S)
        assert it.process.returncode == 0
    events = [json.loads(line)["event"] for line in errors.splitlines()]
    assert events[-2:] == ["idle", "stopped"]
