"""The embedded AWS as commands share, leave and take it down; terraform is a stand-in, the rest is real."""

from __future__ import annotations

import io
import json
import signal
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from cosmic_fmi.experiment.errors import TargetError, TerraformError
from cosmic_fmi.experiment.targets import _local_stack
from cosmic_fmi.experiment.targets.local import LocalTarget
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.localcloud import EmbeddedAWS, client
from cosmic_fmi.localcloud.state import STATE_FILE
from tests.cosmic_fmi.experiment.support.terraform import OUTPUTS, stand_in

TERRAFORM = f"""
if "output" in sys.argv:
    print({json.dumps({name: {"value": value} for name, value in OUTPUTS.items()})!r})
elif "destroy" in sys.argv:
    sys.exit("no provider")
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder, whose embedded AWS ends with the test."""
    for name, value in stand_in(tmp_path, TERRAFORM).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_PROFILE", "of-an-account-that-is-not-configured-here")
    folder = tmp_path / "a state, größer"
    yield folder
    EmbeddedAWS(folder / "localcloud", folder).stop()


def quiet() -> Reporter:
    return Reporter(Console(file=io.StringIO()))


def instance(state: Path) -> str | None:
    """Which embedded AWS runs."""
    cloud = EmbeddedAWS.attach(state / "localcloud")
    return cloud.instance_id if cloud else None


def test_commands_at_once_share_one_and_none_ends_it_under_another(state: Path) -> None:
    targets = [LocalTarget(state=state) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        deployments = list(pool.map(lambda target: target.prepare(quiet()), targets))
    shared = instance(state)
    assert deployments[0] == deployments[1]
    assert [target.clients.s3.list_buckets()["Buckets"] for target in targets] == [[], []]
    [starter] = [target for target in targets if target._started]
    starter.release(abandoned=True)
    assert instance(state) == shared
    for target in targets:
        target.release(abandoned=False)
    with pytest.raises(TargetError, match=r"runs the code of .* take it down with `make destroy`"):
        LocalTarget(state.parent, state).prepare(quiet())
    assert instance(state) == shared
    assert starter.destroy(quiet()) is True
    assert LocalTarget(state=state).destroy(quiet()) is False


def test_what_a_killed_apply_left_is_not_built_upon(state: Path) -> None:
    killed = LocalTarget(state=state)
    killed.prepare(quiet())
    first = instance(state)
    (state / f"stack-{first}" / "applied.json").unlink()
    target = LocalTarget(state=state)
    target.prepare(quiet())
    assert instance(state) not in (None, first)
    (state / f"stack-{instance(state)}" / "terraform.tfstate").write_text("{}")
    with pytest.raises(TerraformError, match=r"no provider[^$]*The embedded AWS is gone all the same"):
        target.destroy(quiet())
    assert instance(state) is None
    assert list(state.glob("stack-*")) == []
    assert killed.destroy(quiet()) is False


def test_what_is_gone_already_does_not_fail_a_destroy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, first = tmp_path / "state", str(tmp_path / "first")
    fails_once = f"""
if "destroy" in sys.argv and not os.path.exists({first!r}):
    open({first!r}, "w").close()
    sys.exit("InvalidPermission.NotFound")
"""
    for name, value in stand_in(
        tmp_path, fails_once + TERRAFORM.replace('sys.exit("no provider")', "pass")
    ).items():
        monkeypatch.setenv(name, value)
    target = LocalTarget(state=state)
    target.prepare(quiet())
    (state / f"stack-{instance(state)}" / "terraform.tfstate").write_text("{}")
    assert target.destroy(quiet()) is True
    assert Path(first).exists()
    assert instance(state) is None


def test_destroying_where_nothing_runs(tmp_path: Path) -> None:
    assert LocalTarget(tmp_path, tmp_path / "state").destroy(quiet()) is False


@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGKILL, "the embedded AWS has ended. Take it down with `make destroy`"),
        (signal.SIGSTOP, "nothing has happened for [0-9]+ s, and the embedded AWS no longer answers"),
        (0, "nothing has happened for [0-9]+ s, and the embedded AWS still answers"),
    ],
    ids=["ended", "hangs", "answers"],
)
def test_an_apply_that_waits_in_vain_ends_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    state = tmp_path / "state"
    daemon = str(state / "localcloud" / STATE_FILE)
    body = f"""
        if "apply" in sys.argv:
            os.kill(json.load(open({daemon!r}))["pid"], {int(number)})
            while True:
                print(json.dumps({{"type": "apply_progress", "@message": "Still creating..."}}), flush=True)
                time.sleep(0.1)
        """
    for name, value in stand_in(tmp_path, body).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(client, "_ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(_local_stack, "_STALL_SECONDS", 1.0)
    with pytest.raises(TerraformError, match=rf"terraform apply was ended \(.*: {said}") as caught:
        LocalTarget(state=state).prepare(quiet())
    assert "localcloud runs at http://127.0.0.1" in str(caught.value), "the end of its log"
    assert instance(state) is None


def test_an_apply_that_waited_in_vain_is_made_once_more_on_a_new_embedded_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    daemon, first = str(state / "localcloud" / STATE_FILE), str(tmp_path / "first")
    body = f"""
        if "apply" in sys.argv and not os.path.exists({first!r}):
            open({first!r}, "w").write(str(json.load(open({daemon!r}))["pid"]))
            os.kill(json.load(open({daemon!r}))["pid"], {int(signal.SIGSTOP)})
            time.sleep(50)
        """
    for name, value in stand_in(tmp_path, textwrap.dedent(body) + TERRAFORM).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(client, "_ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(_local_stack, "_STALL_SECONDS", 1.0)
    said = io.StringIO()
    target = LocalTarget(state=state)
    target.prepare(Reporter(Console(file=said)))
    assert "Starting again, on a new embedded AWS." in said.getvalue()
    assert not psutil.pid_exists(int(Path(first).read_text()))
    assert target.running
    target.destroy(quiet())
