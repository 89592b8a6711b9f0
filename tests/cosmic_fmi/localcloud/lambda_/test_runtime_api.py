"""The Runtime API's port: only the environment's own runtime is answered, by either way to say the secret."""

import http.client
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cosmic_fmi.localcloud.lambda_.runtime_api import Event, RuntimeApi
from tests.cosmic_fmi.localcloud.conftest import FUNCTIONS, Function

ROOT = Path(__file__).parents[4]
NEXT = "/2018-06-01/runtime/invocation/next"
RESPONSE = "/2018-06-01/runtime/invocation/id-1/response"
INIT_ERROR = "/2018-06-01/runtime/init/error"


class Owner:
    """Offers what is put into `events` and keeps what it is told, as an environment does."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.told: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.asked = threading.Semaphore(0)
        self._change = threading.Condition()

    def offer(self) -> None:
        """One event, for which all who wait wake up."""
        with self._change:
            self.events.append(Event("id-1", b'{"a": 1}', "arn", 4102444800000))
            self._change.notify_all()

    def next_event(self, waiting: Callable[[], bool]) -> Event | None:
        """The event, for a caller that still waits."""
        self.asked.release()
        with self._change:
            self._change.wait_for(lambda: self.events)
            return self.events.pop() if waiting() else None

    def responded(self, request_id: str, payload: bytes, *, error: bool) -> bool:
        """Keep it."""
        self.told.put(("error" if error else "response", payload))
        return request_id == "id-1"

    def init_failed(self, payload: bytes) -> None:
        """Keep it."""
        self.told.put(("init", payload))


@pytest.fixture
def owner() -> Owner:
    """What the API calls."""
    return Owner()


@pytest.fixture
def api(owner: Owner) -> Iterator[RuntimeApi]:
    """An API that listens."""
    running = RuntimeApi(owner)
    yield running
    running.close()


def ask(api: RuntimeApi, method: str, path: str, headers: dict[str, str]) -> int:
    """The status of the answer to a request."""
    connection = http.client.HTTPConnection("127.0.0.1", api.address.port, timeout=10)
    try:
        connection.request(method, path, b"{}" if method == "POST" else None, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("prefix", "headers"),
    [
        ("", {}),
        ("/" + "0" * 32, {}),
        ("/{secret}", {"Host": "example.org"}),
        ("/{secret}", {"Host": "localhost:{port}"}),
        ("/{secret}", {"Origin": "http://127.0.0.1:{port}"}),
        ("", {"Host": "{secret}.runtime:{port}", "Origin": "null"}),
        ("", {"Host": "0.runtime:{port}"}),
    ],
)
def test_a_stranger_is_refused(api: RuntimeApi, owner: Owner, prefix: str, headers: dict[str, str]) -> None:
    owner.offer()
    known = {"secret": api.address.secret, "port": api.address.port}
    sent = {name: value.format(**known) for name, value in headers.items()}
    for method, path in [("GET", NEXT), ("POST", RESPONSE), ("POST", INIT_ERROR)]:
        assert ask(api, method, f"{prefix.format(**known)}{path}", sent) == 403
    assert owner.told.empty()
    assert len(owner.events) == 1


def test_both_ways_to_say_the_secret_are_answered(api: RuntimeApi, owner: Owner) -> None:
    for prefix, headers in [(f"/{api.address.secret}", {}), ("", {"Host": api.address.by_name})]:
        owner.offer()
        assert ask(api, "GET", f"{prefix}{NEXT}", headers) == 200
        assert ask(api, "POST", f"{prefix}{RESPONSE}", headers) == 202
        assert owner.told.get_nowait() == ("response", b"{}")


def test_addresses_do_not_show_the_secret_and_differ(api: RuntimeApi) -> None:
    other = RuntimeApi(Owner())
    other.close()
    assert other.address.secret != api.address.secret
    assert api.address.secret not in repr(api.address)


def test_a_poller_that_hung_up_takes_no_event(api: RuntimeApi, owner: Owner) -> None:
    request = f"GET /{api.address.secret}{NEXT} HTTP/1.1\r\nHost: 127.0.0.1:{api.address.port}\r\n\r\n"
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", api.address.port)) as gone:
            gone.sendall(request.encode())
            assert owner.asked.acquire(timeout=10)
    with socket.create_connection(("127.0.0.1", api.address.port), timeout=10) as waits:
        waits.sendall(request.encode())
        assert owner.asked.acquire(timeout=10)
        owner.offer()
        assert waits.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_stranger_does_not_disturb_an_invocation(deploy: Callable[..., Function]) -> None:
    """Which is told the port of its own API, as every process of this machine can find it."""
    function = deploy("basic.environment")
    address = function.invoke().payload["variables"]["AWS_LAMBDA_RUNTIME_API"]
    host, _, secret = address.partition("/")
    assert len(secret) == 32
    port = int(host.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as thief:
        thief.sendall(f"GET {NEXT} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert thief.recv(65536).startswith(b"HTTP/1.1 403")
    assert function.invoke().error is None


@pytest.mark.parametrize(("handler", "told"), [("basic.echo", "response"), ("nowhere.handler", "init")])
def test_unmodified_runtime_client_finds_it_by_name(
    api: RuntimeApi, owner: Owner, tmp_path: Path, handler: str, told: str
) -> None:
    """As in a container: awslambdaric alone, the name in a hosts file that only it sees."""
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {api.address.host}\n")
    inside = [
        "unshare",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        'mount --bind "$0" /etc/hosts && exec "$@"',
    ]
    if subprocess.run([*inside, str(hosts), "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system allows no mount namespaces")
    owner.offer()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [*inside, str(hosts), sys.executable, "-m", "awslambdaric", handler],
            env={**os.environ, "AWS_LAMBDA_RUNTIME_API": api.address.by_name, "PYTHONPATH": str(FUNCTIONS)},
            stdout=output,
            stderr=output,
        )
        try:
            assert owner.told.get(timeout=30)[0] == told
        finally:
            process.kill()
            process.wait()
