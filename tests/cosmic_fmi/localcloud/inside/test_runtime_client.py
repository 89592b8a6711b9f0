"""The client of the Runtime API for systems that have no build of AWS's."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from cosmic_fmi.localcloud.inside import runtime_client
from cosmic_fmi.localcloud.lambda_.runtime_api import Event, RuntimeApi
from tests.cosmic_fmi.localcloud.conftest import FUNCTIONS

ROOT = FUNCTIONS.parents[3]


class OneEvent:
    """An owner with one event that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bytes, bool]] = []

    def next_event(self, waiting: Callable[[], bool]) -> Event | None:
        """The event."""
        assert waiting()
        return Event("id-1", b'{"a": 1}', "arn", 4102444800000)

    def responded(self, request_id: str, payload: bytes, *, error: bool) -> bool:
        """Keep it."""
        self.told.append((request_id, payload, error))
        return request_id == "id-1"

    def init_failed(self, payload: bytes) -> None:
        """Keep it."""
        self.told.append(("init", payload, True))


def test_pure_python_runtime_client_speaks_the_runtime_api(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = OneEvent()
    api = RuntimeApi(owner)
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", api.address.by_path)
    try:
        runtime_client.initialize_client("test")
        payload, headers = runtime_client.next()
        assert payload == b'{"a": 1}'
        assert headers["Lambda-Runtime-Aws-Request-Id"] == "id-1"
        assert headers["Lambda-Runtime-Deadline-Ms"] == 4102444800000
        runtime_client.post_invocation_result("id-1", b"2")
        runtime_client.post_error("id-1", '{"errorType": "E"}', "")
        assert owner.told == [("id-1", b"2", False), ("id-1", b'{"errorType": "E"}', True)]
        with pytest.raises(RuntimeError, match="status 400"):
            runtime_client.post_invocation_result("unknown", b"2")
    finally:
        api.close()


def test_awslambdaric_runs_with_the_pure_python_client(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = OneEvent()
    answered = threading.Event()
    keep = owner.responded

    def respond(request_id: str, payload: bytes, *, error: bool) -> bool:
        answered.set()
        return keep(request_id, payload, error=error)

    monkeypatch.setattr(owner, "responded", respond)
    api = RuntimeApi(owner)
    code = """
import sys
from cosmic_fmi.localcloud.inside import runtime_client
sys.modules["runtime_client"] = runtime_client
from awslambdaric.__main__ import main
main(["bootstrap", "basic.echo"])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            **os.environ,
            "AWS_LAMBDA_RUNTIME_API": api.address.by_path,
            "PYTHONPATH": f"{FUNCTIONS}:{ROOT}",
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        assert answered.wait(15)
    finally:
        process.kill()
        process.wait()
        api.close()
    [(request_id, payload, error), *_] = owner.told
    assert (request_id, error) == ("id-1", False), payload
