"""Functions that idle weeks put to sleep: a real client against an endpoint that answers as Lambda does."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest

from cosmic_fmi.experiment.aws.clients import Clients
from cosmic_fmi.experiment.errors import PreflightError
from cosmic_fmi.experiment.targets.preflight import functions
from cosmic_fmi.experiment.targets.preflight.functions import check_functions
from tests.cosmic_fmi.experiment.support.fakes import DEPLOYMENT

States = Callable[[str, int, int], dict[str, str]]
"""A function's configuration by its name, how often it was asked for since it was invoked, and invoked."""


class Lambda:
    """What was asked of it, and how it answers."""

    def __init__(self, states: States) -> None:
        self.states = states
        self.asked: Counter[str] = Counter()
        self.invoked: Counter[str] = Counter()
        self.refusal = "CodeArtifactUserPendingException"


@contextmanager
def endpoint(lambda_: Lambda) -> Iterator[Clients]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.split("/")[3]
            lambda_.asked[name] += 1
            state = lambda_.states(name, lambda_.asked[name], lambda_.invoked[name])
            self.answer(200, {"FunctionName": name, "Architectures": ["x86_64"], **state})

        def do_POST(self) -> None:
            name = self.path.split("/")[3]
            self.rfile.read(int(self.headers["Content-Length"]))
            lambda_.invoked[name] += 1
            lambda_.asked[name] = 0
            self.answer(409, {"message": "wakes up"}, {"x-amzn-ErrorType": lambda_.refusal})

        def answer(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            for key, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        session = boto3.Session("a", "b", region_name="us-east-1")
        clients = Clients(session, f"http://127.0.0.1:{server.server_address[1]}")
        yield clients
        clients.functions.close()
        server.shutdown()


def waking(name: str, asked: int, invoked: int) -> dict[str, str]:
    if name == "i":
        return {"State": "Active", "LastUpdateStatus": "Successful"}
    if not invoked:
        return {"State": "Inactive", "StateReason": "The function is idle."}
    return {"State": "Pending"} if asked < 3 else {"State": "Active", "LastUpdateStatus": "Successful"}


def test_functions_that_sleep_are_woken_once_and_waited_for() -> None:
    lambda_, said = Lambda(waking), list[str]()
    with endpoint(lambda_) as clients:
        assert check_functions(clients, DEPLOYMENT, said.append, 0.0) == "3 functions, x86_64"
    assert lambda_.invoked == {"e": 1, "s": 1}
    assert said == ["  Waiting for e, s to wake up, 0 s of about 100 ..."]


@pytest.mark.parametrize(
    "state", [{"State": "Pending"}, {"State": "Active", "LastUpdateStatus": "InProgress"}]
)
def test_functions_that_are_updated_are_waited_for_and_not_invoked(state: dict[str, str]) -> None:
    lambda_ = Lambda(lambda _name, asked, _invoked: state if asked < 4 else {"State": "Active"})
    with endpoint(lambda_) as clients:
        check_functions(clients, DEPLOYMENT, lambda _: None, 0.0)
    assert not lambda_.invoked


def test_a_function_that_never_wakes_up_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "WAKING_S", 0.1)
    lambda_ = Lambda(lambda *_: {"State": "Inactive"})
    deployment = replace(DEPLOYMENT, functions={"execute": "e"})
    with endpoint(lambda_) as clients, pytest.raises(PreflightError, match=r"^e did not wake up within"):
        check_functions(clients, deployment, lambda _: None, 0.0)


def test_a_role_that_may_not_wake_is_told_so() -> None:
    lambda_ = Lambda(lambda *_: {"State": "Inactive"})
    lambda_.refusal = "AccessDeniedException"
    with endpoint(lambda_) as clients, pytest.raises(PreflightError, match=r"your role may not invoke it"):
        check_functions(clients, DEPLOYMENT, lambda _: None, 0.0)


@pytest.mark.parametrize("broken", ["State", "LastUpdateStatus"])
def test_a_broken_function_is_not_waited_for(broken: str) -> None:
    lambda_ = Lambda(lambda *_: {broken: "Failed", f"{broken}Reason": "no image"})
    with endpoint(lambda_) as clients, pytest.raises(PreflightError, match=r"cannot run \(no image\)"):
        check_functions(clients, DEPLOYMENT, lambda _: None, 0.0)
