"""The small parts that a function's process is made of, each on its own."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cosmic_fmi.localcloud.inside import runtime_client
from cosmic_fmi.localcloud.lambda_.runtime_api import Event, RuntimeApi
from cosmic_fmi.localcloud.sandbox.code_stamp import CodeStamp
from cosmic_fmi.localcloud.state import DaemonState
from tests.cosmic_fmi.localcloud.conftest import FUNCTIONS

ROOT = FUNCTIONS.parents[3]


def python(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=30,
    )
    return done.stdout.strip()


def test_tmp_without_namespaces_is_named_by_tmpdir(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from cosmic_fmi.localcloud.inside.private_tmp import mount_private_tmp
sys.platform = "darwin"
mount_private_tmp(Path(sys.argv[1]), [])
import tempfile
print(tempfile.gettempdir())
"""
    assert python(code, str(tmp_path)) == str(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
def test_code_below_tmp_stays_visible_beside_a_private_tmp() -> None:
    code = """
import os, sys
from pathlib import Path
from cosmic_fmi.localcloud.inside.private_tmp import mount_private_tmp
folder, clone = map(Path, sys.argv[1:])
os.chdir(clone)
mount_private_tmp(folder, [clone])
Path("/tmp/mine").touch()
beside = os.listdir(clone.parent)
print(os.environ.get("TMPDIR"), (clone / "code.py").read_text(), Path.cwd() == clone, beside)
"""
    allowed = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "true"], capture_output=True, check=False
    )
    if allowed.returncode != 0:
        pytest.skip("this system allows no mount namespaces")
    with tempfile.TemporaryDirectory(dir="/tmp") as outside, tempfile.TemporaryDirectory(dir=ROOT) as folder:
        clone = Path(outside) / "clone"
        clone.mkdir()
        (clone / "code.py").write_text("here")
        (Path(outside) / "secret").touch()
        assert python(code, folder, str(clone)) == "None here True ['clone']"
        assert (Path(folder) / "mine").exists()
        assert not Path("/tmp/mine").exists()


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


def test_code_stamp_changes_with_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosmic_fmi.localcloud.sandbox.code_stamp._RECHECK_SECONDS", -1.0)
    stamp = CodeStamp(tmp_path)
    seen = [stamp.current()]
    (tmp_path / "a.py").write_text("1")
    seen.append(stamp.current())
    os.utime(tmp_path / "a.py", (1, 2_000_000_000))
    seen.append(stamp.current())
    assert len(set(seen)) == 3
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / "venv" / "b.py").touch()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "c.py").touch()
    assert stamp.current() == seen[-1]


def test_state_of_a_process_that_is_gone(tmp_path: Path) -> None:
    state = DaemonState.of_this_process(
        1, "id", code_root=tmp_path, state_dir=tmp_path, key="key", runtime="process"
    )
    state.write(tmp_path)
    assert DaemonState.read(tmp_path) == state
    assert state.process() is not None
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert DaemonState(gone.pid, 0.0, 1, "id", ".", ".", "key").process() is None
    state.remove(tmp_path)
    assert DaemonState.read(tmp_path) is None
