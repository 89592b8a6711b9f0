"""Execute downloads the bundle, runs the script with its variables and always leaves an outcome."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import fmi
from containers.executor import outcomes
from containers.executor.handlers import execute
from containers.executor.handlers.execute import ScriptError
from cosmic_fmi.common.contract.outcome import Outcome
from tests.containers.executor.conftest import ATTEMPT, BUCKET

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def event(**changes: object) -> dict[str, Any]:
    """A rank event as the Map passes it on: an item as Initialize writes it, and where the server is."""
    rendezvous = changes.pop("rendezvous", None)
    if changes.get("world_size", 1) != 1:
        rendezvous = {"host": "127.0.0.1", "port": 1}
    item = {
        "rank": 0,
        "world_size": 1,
        "execution_id": "run-7",
        "state_bucket": BUCKET,
        "outcome_key": f"executions/run-7/outcomes/{changes.get('rank', 0)}.json",
        "failure_key": f"executions/run-7/failures/{changes.get('rank', 0)}.json",
        "bucket": BUCKET,
        "object_type": "folder",
        "S3_object_name": "my bundle",
        "script": "/tmp/my bundle/main.py",
        "data_path": None,
        "data_bucket": None,
        "data_prefix": None,
        "data_files": [],
        "data_version": None,
        "stored_result": False,
        "batch_size": None,
        "result_path": "executions/run-7/results",
        "fmi": {
            "comm_name": "run-7",
            "secret": "0123456789" * 4,
            "rendezvous_host": None,
            "rendezvous_port": None,
        },
        **changes,
    }
    return {"item": item, "rendezvous": rendezvous}


def upload(s3: S3Client, source: str) -> None:
    s3.put_object(Bucket=BUCKET, Key="my bundle/main.py", Body=source.encode())


def outcome(rank: int = 0) -> Outcome:
    return outcomes.read(BUCKET, ATTEMPT, rank)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """What FMI is told at the end of a rank."""
    calls: list[tuple[str, str | None]] = []
    monkeypatch.setattr(fmi, "finalize", lambda reason=None: calls.append(("finalize", reason)))
    monkeypatch.setattr(fmi, "abort_world", lambda reason: calls.append(("abort_world", reason)))
    return calls


def test_success(s3: S3Client, context: SimpleNamespace, told: list[tuple[str, str | None]]) -> None:
    upload(s3, "print('hello')")
    assert execute.handler(event(), context) == {"rank": 0, "status": "succeeded"}
    written = outcome()
    assert (written.status, written.exit_code, written.output_tail) == ("succeeded", 0, ["hello"])
    assert (written.request_id, written.log_stream) == ("request-1", "stream-1")
    assert (written.objects_downloaded, written.objects_cached, written.download_bytes) == (1, 0, 14)
    assert 0 < written.started_at <= written.ended_at
    assert told == [("finalize", None)]


def test_only_the_first_invocation_of_an_environment_is_cold(
    s3: S3Client, context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "_warm", False)
    upload(s3, "")
    colds = []
    for _ in range(2):
        execute.handler(event(), context)
        colds.append((outcome().cold_start, outcome().objects_cached))
    assert colds == [(True, 0), (False, 1)]


def test_the_data_of_the_script_before_is_gone(
    s3: S3Client, context: SimpleNamespace, tmp_path: Path
) -> None:
    upload(
        s3,
        "import pathlib, weakref\n"
        f"freed = pathlib.Path({str(tmp_path / 'freed')!r})\n"
        "print(freed.exists())\n"
        "class Images: pass\n"
        "images = Images()\n"
        "weakref.finalize(images, freed.touch)\n"
        "def predict(): return images\n",
    )
    execute.handler(event(), context)
    gc.disable()  # which would come by sooner or later
    try:
        execute.handler(event(), context)
    finally:
        gc.enable()
    assert outcome().output_tail == ["True"]


def test_the_scripts_environment(s3: S3Client, context: SimpleNamespace, tmp_path: Path) -> None:
    upload(
        s3,
        "import json, os, pathlib\n"
        "pathlib.Path(os.environ['DATA_PATH']).write_text(json.dumps(dict(os.environ)))",
    )
    execute.handler(
        event(
            data_path="/tmp/my bundle/out.json",
            data_bucket="d",
            data_prefix="100MB",
            data_files=["100MB/1.pt", "100MB/2.pt"],
            batch_size=512,
            fmi={"comm_name": "c", "secret": "s"},
            rendezvous={"host": "10.1.2.3", "port": 10001},
        ),
        context,
    )
    seen = json.loads((tmp_path / "my bundle" / "out.json").read_text())
    assert {
        "S3_BUCKET": BUCKET,
        "S3_OBJECT_NAME": "my bundle",
        "S3_OBJECT_TYPE": "folder",
        "SCRIPT": str(tmp_path / "my bundle" / "main.py"),
        "WORLD_SIZE": "1",
        "RANK": "0",
        "DATA_BUCKET": "d",
        "DATA_PREFIX": "100MB",
        "DATA_FILES": '["100MB/1.pt", "100MB/2.pt"]',
        "RESULT_PATH": "executions/run-7/results",
        "BATCH_SIZE": "512",
        "EXECUTION_ID": "run-7",
        "FMI_COMM_NAME": "c",
        "FMI_SECRET": "s",
        "RENDEZVOUS_HOST": "10.1.2.3",
        "RENDEZVOUS_PORT": "10001",
    }.items() <= seen.items()
    assert float(seen["DOWNLOAD_SECONDS"]) > 0
    assert json.loads(Path(seen["FMI_CONFIG"]).read_text())["backends"]["Direct"]["host"] == "10.1.2.3"


def test_unset_values_are_absent(s3: S3Client, context: SimpleNamespace) -> None:
    upload(
        s3,
        "import os\nprint([n for n in ('DATA_BUCKET', 'DATA_PREFIX', 'DATA_PATH', 'BATCH_SIZE', "
        "'RENDEZVOUS_HOST') if n in os.environ], os.environ['DATA_FILES'])",
    )
    execute.handler(event(), context)
    assert outcome().output_tail == ["[] []"]


def test_an_exception_is_the_outcome_and_the_invocations_error(
    s3: S3Client, context: SimpleNamespace, told: list[tuple[str, str | None]]
) -> None:
    upload(s3, "print('so far')\nraise ValueError('no such band')")
    with pytest.raises(ScriptError, match=r"^rank 2: ValueError: no such band$"):
        execute.handler(event(rank=2, world_size=4), context)
    written = outcome(2)
    assert (written.status, written.error_type, written.error_message) == (
        "failed",
        "ValueError",
        "no such band",
    )
    assert written.output_tail == ["so far"]
    assert "main.py" in (written.traceback or "")
    reason = "ValueError: no such band"
    assert told == [("finalize", reason), ("abort_world", reason)]


def test_a_consequence_is_not_announced_again(
    s3: S3Client, context: SimpleNamespace, told: list[tuple[str, str | None]]
) -> None:
    upload(s3, "import fmi\nraise fmi.PeerFailure(0, 'ValueError')")
    with pytest.raises(ScriptError):
        execute.handler(event(rank=1, world_size=2), context)
    assert [name for name, _ in told] == ["finalize"]


def test_an_exit_status_is_a_failure(s3: S3Client, context: SimpleNamespace) -> None:
    upload(s3, "import sys\nsys.exit(3)")
    with pytest.raises(ScriptError, match="the script exited with status 3"):
        execute.handler(event(), context)
    assert outcome().exit_code == 3


@pytest.mark.usefixtures("s3")
def test_a_bundle_that_is_not_there_is_an_outcome_too(
    context: SimpleNamespace, told: list[tuple[str, str | None]]
) -> None:
    with pytest.raises(ScriptError, match='rank 0: BundleError: There is no object below "my bundle/"'):
        execute.handler(event(world_size=2), context)
    assert (outcome().status, outcome().exit_code) == ("failed", None)
    assert [name for name, _ in told] == ["finalize", "abort_world"]


def test_trouble_at_the_end_does_not_hide_how_the_script_ended(
    s3: S3Client, context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str | None = None) -> None:
        raise OSError("no network")

    monkeypatch.setattr(fmi, "finalize", fail)
    upload(s3, "raise ValueError('the cause')")
    with pytest.raises(ScriptError, match="ValueError: the cause"):
        execute.handler(event(world_size=2), context)
    assert outcome().error_type == "ValueError"


def test_the_same_work_has_the_same_id(
    s3: S3Client, context: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work_id(**changes: object) -> str | None:
        execute.handler(event(data_path="/tmp/my bundle/out.txt", **changes), context)
        written: str = (tmp_path / "my bundle" / "out.txt").read_text()
        return written or None

    source = (
        "import os, pathlib\npathlib.Path(os.environ['DATA_PATH']).write_text(os.environ.get('WORK_ID', ''))"
    )
    upload(s3, source)
    first = work_id(data_version="v1", batch_size=64)
    assert first
    assert work_id(data_version="v1", batch_size=64, execution_id="run-8") == first
    assert work_id() is None
    changed = {work_id(data_version="v2", batch_size=64), work_id(data_version="v1", batch_size=65)}
    monkeypatch.setenv("IMAGE", "another")
    changed.add(work_id(data_version="v1", batch_size=64))
    monkeypatch.delenv("IMAGE")
    upload(s3, source + "\n")
    changed.add(work_id(data_version="v1", batch_size=64))
    assert len(changed - {first, None}) == 4


@pytest.mark.usefixtures("s3")
def test_a_rank_that_was_killed_has_a_last_word(
    context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, str]] = []
    monkeypatch.setattr(fmi, "abort_world", lambda why, where: said.append((why, where["RANK"])))
    lost = event(rank=2, world_size=4) | {"failure": {"Error": "Runtime.ExitError", "Cause": "{}"}}
    assert execute.handler(lost, context) == {"rank": 2, "status": "told"}
    assert said == [("Runtime.ExitError", "2")]
    execute.handler({**lost, "rendezvous": None}, context)
    assert len(said) == 1
