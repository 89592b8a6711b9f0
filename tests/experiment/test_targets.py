from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from experiment.aws_target import AwsTarget
from experiment.console import Reporter
from experiment.deployment import Deployment
from experiment.errors import TargetError
from experiment.fingerprint import fingerprint
from experiment.local_target import LocalTarget
from tests.experiment.test_terraform import stand_in

OUTPUTS = {
    "bucket": "b",
    "state_machine_arn": "arn:aws:states:us-east-1:1:stateMachine:m",
    "functions": {"initialize": "i", "execute": "e", "summarize": "s"},
    "log_groups": {"initialize": "/aws/lambda/i", "execute": "/aws/lambda/e", "summarize": "/aws/lambda/s"},
    "region": "us-east-1",
    "architecture": "x86_64",
    "executor_memory_mb": 3008,
    "images": {"executor": "registry/executor@sha256:1"},
    "rendezvous": {"mode": "on-demand"},
    "more": "is ignored",
}


def quiet() -> Reporter:
    return Reporter(Console(file=io.StringIO()))


def test_a_deployment_is_read_from_terraforms_outputs() -> None:
    deployment = Deployment.from_outputs(OUTPUTS)
    assert deployment.functions["execute"] == "e"
    assert deployment.executor_memory_mb == 3008


def test_an_older_deployment_is_named_as_such() -> None:
    with pytest.raises(TargetError, match="'functions'"):
        Deployment.from_outputs({key: value for key, value in OUTPUTS.items() if key != "functions"})


def test_nothing_deployed_on_aws_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stand_in(tmp_path, "print('{}')").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TargetError, match="make deploy"):
        AwsTarget(tmp_path, tmp_path / "state").prepare(quiet())


def test_a_destroy_goes_to_the_region_that_was_deployed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
    if "output" in sys.argv:
        print('{"region": {"value": "eu-west-1"}, "name_prefix": {"value": "team"}, "x": {"value": 1}}')
    """
    for name, value in stand_in(tmp_path, body).items():
        monkeypatch.setenv(name, value)
    AwsTarget(tmp_path, tmp_path / "state").destroy(quiet())
    variables = json.loads((tmp_path / "state" / "aws" / "variables.tfvars.json").read_text())
    assert variables == {"region": "eu-west-1", "name_prefix": "team"}
    assert "destroy -auto-approve" in (tmp_path / "state" / "aws" / "terraform.log").read_text()


def test_clients_are_for_prepared_targets(tmp_path: Path) -> None:
    for target in (AwsTarget(tmp_path, tmp_path), LocalTarget(tmp_path, tmp_path)):
        with pytest.raises(TargetError):
            _ = target.clients
        target.stop_functions()
        target.release(abandoned=True)


def test_destroying_where_nothing_runs(tmp_path: Path) -> None:
    assert LocalTarget(tmp_path, tmp_path / "state").destroy(quiet()) is False


def test_a_fingerprint_sees_content_and_names_but_not_what_tools_leave_behind(tmp_path: Path) -> None:
    source = tmp_path / "code"
    source.mkdir()
    (source / "a.py").write_text("1")
    seen = {fingerprint(tmp_path, ["code"])}
    for tool in ("__pycache__", ".terraform"):
        (source / tool).mkdir()
        (source / tool / "x").write_text("x")
    (source / "terraform.tfstate").write_text("{}")
    assert fingerprint(tmp_path, ["code"]) in seen
    (source / "a.py").write_text("2")
    seen.add(fingerprint(tmp_path, ["code"]))
    (source / "a.py").rename(source / "b.py")
    seen.add(fingerprint(tmp_path, ["code"]))
    seen.add(fingerprint(tmp_path, ["code/b.py"]))
    assert len(seen) == 3
