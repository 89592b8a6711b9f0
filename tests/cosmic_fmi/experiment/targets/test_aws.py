"""The deployment in an AWS account as a target, with a stand-in for terraform."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from rich.console import Console

from cosmic_fmi.cli.experiments import destroy
from cosmic_fmi.experiment.errors import PreflightError, TargetError, TerraformError
from cosmic_fmi.experiment.targets import aws
from cosmic_fmi.experiment.targets.aws import AwsTarget
from cosmic_fmi.experiment.targets.local import LocalTarget
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.localcloud.client import EmbeddedAWS
from tests.cosmic_fmi.experiment.support.terraform import stand_in


def quiet() -> Reporter:
    return Reporter(Console(file=io.StringIO()))


def test_nothing_deployed_on_aws_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stand_in(tmp_path, "print('{}')").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TargetError, match="make deploy"):
        AwsTarget(tmp_path, tmp_path / "state").prepare(quiet())


# Answers for a state that holds a bucket in eu-west-1; the account is to be filled in.
DEPLOYED = """
if "output" in sys.argv:
    outputs = {"region": "eu-west-1", "name_prefix": "team", "x": 1, "state_machine_arn": "MACHINE"}
    print(json.dumps({name: {"value": value} for name, value in outputs.items()}))
if "show" in sys.argv:
    account = {"mode": "data", "type": "aws_caller_identity", "values": {"account_id": "ACCOUNT"}}
    bucket = {"mode": "managed", "type": "aws_s3_bucket", "values": {}}
    modules = [{"resources": [bucket]}]
    print(json.dumps({"values": {"root_module": {"resources": [account], "child_modules": modules}}}))
"""
ACCOUNT = "123456789012"  # whose credentials moto gives
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team-world"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    # Executions are only recorded, whatever another test of this process has told moto.
    with mock_aws(config={"stepfunctions": {"execute_state_machine": False}}):
        yield


def aws_with(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AwsTarget:
    """A target whose Terraform runs this code."""
    for name, value in stand_in(tmp_path, body).items():
        monkeypatch.setenv(name, value)
    return AwsTarget(tmp_path, tmp_path / "state")


def commands(tmp_path: Path) -> str:
    return (tmp_path / "state" / "aws" / "terraform.log").read_text()


@pytest.mark.usefixtures("account")
def test_a_destroy_goes_to_the_region_that_was_deployed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = aws_with(DEPLOYED.replace("ACCOUNT", ACCOUNT), tmp_path, monkeypatch)
    assert target.destroy(quiet()) is True
    variables = json.loads((tmp_path / "state" / "aws" / "variables.tfvars.json").read_text())
    assert variables == {"region": "eu-west-1", "name_prefix": "team"}
    [command] = [line for line in commands(tmp_path).splitlines() if line.startswith("$ terraform destroy")]
    assert "-auto-approve" in command


@pytest.mark.usefixtures("account")
def test_a_destroy_stops_what_runs_before_its_parts_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = boto3.client("stepfunctions", region_name="eu-west-1")
    machine = client.create_state_machine(name="team-world", definition="{}", roleArn=ROLE)["stateMachineArn"]
    names = [f"paid-{number}" for number in range(3)]
    started = [client.start_execution(stateMachineArn=machine, name=name)["executionArn"] for name in names]
    client.stop_execution(executionArn=started.pop())
    target = aws_with(DEPLOYED.replace("ACCOUNT", ACCOUNT).replace("MACHINE", machine), tmp_path, monkeypatch)
    said = io.StringIO()
    assert target.destroy(Reporter(Console(file=said))) is True
    for arn in started:
        assert client.describe_execution(executionArn=arn)["status"] == "ABORTED"
    assert "paid-0" in said.getvalue()
    assert "paid-2" not in said.getvalue(), "it had ended"


@pytest.mark.usefixtures("account")
def test_a_destroy_with_credentials_of_another_account_forgets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = aws_with(DEPLOYED.replace("ACCOUNT", "222222222222"), tmp_path, monkeypatch)
    with pytest.raises(PreflightError, match=f"account {ACCOUNT}.*in 222222222222.*AWS_PROFILE"):
        target.destroy(quiet())
    assert "destroy" not in commands(tmp_path)


def test_a_shell_that_points_at_an_embedded_aws_destroys_nothing_on_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = aws_with(DEPLOYED.replace("ACCOUNT", "222222222222"), tmp_path, monkeypatch)
    with EmbeddedAWS(tmp_path / "localcloud", tmp_path) as cloud:
        for name, value in cloud.environment().items():
            monkeypatch.setenv(name, value)
        with pytest.raises(PreflightError, match=f"AWS_ENDPOINT_URL points at {cloud.endpoint_url}"):
            target.destroy(quiet())
    assert "destroy" not in commands(tmp_path)


@pytest.mark.usefixtures("account")
def test_a_destroy_does_not_depend_on_variables_that_were_changed_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "terraform").mkdir()
    text = 'variable "region" {\n}\nvariable "budget_email" {\n  type = string\n}\n'
    (tmp_path / "terraform" / "variables.tf").write_text(text)
    target = aws_with(DEPLOYED.replace("ACCOUNT", ACCOUNT), tmp_path, monkeypatch)
    assert target.destroy(quiet()) is True
    variables = json.loads((tmp_path / "state" / "aws" / "variables.tfvars.json").read_text())
    assert variables == {"region": "eu-west-1", "name_prefix": "team", "budget_email": None}


# Terraform that cannot look at something, as one whose data source finds nothing.
FAILING = (
    DEPLOYED
    + """
if "destroy" in sys.argv and "-refresh=false" not in sys.argv:
    sys.exit("no matching Route 53 Hosted Zone found")
"""
)


@pytest.mark.usefixtures("account")
def test_a_destroy_goes_on_with_the_state_where_looking_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = aws_with(FAILING.replace("ACCOUNT", ACCOUNT), tmp_path, monkeypatch)
    said = io.StringIO()
    assert target.destroy(Reporter(Console(file=said, width=200))) is True
    assert "no matching Route 53 Hosted Zone found" in said.getvalue()
    assert commands(tmp_path).count("$ terraform destroy") == 2


@pytest.mark.usefixtures("account")
def test_a_destroy_that_does_not_know_the_account_believes_no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = FAILING.replace("aws_caller_identity", "aws_availability_zones")
    with pytest.raises(TerraformError, match="Hosted Zone"):
        aws_with(body, tmp_path, monkeypatch).destroy(quiet())
    assert commands(tmp_path).count("$ terraform destroy") == 1


@pytest.mark.usefixtures("account")
def test_a_region_in_aws_region_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    body = DEPLOYED.replace("ACCOUNT", ACCOUNT).replace('"region": "eu-west-1", ', "")
    assert aws_with(body, tmp_path, monkeypatch).destroy(quiet()) is True


def test_credentials_of_aws_login_are_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    config = tmp_path / "config"
    config.write_text("[default]\nregion = us-east-1\nlogin_session = arn:aws:iam::123456789012:user/me\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    target = aws_with(DEPLOYED.replace("ACCOUNT", ACCOUNT), tmp_path, monkeypatch)
    with pytest.raises(PreflightError, match="aws configure export-credentials"):
        target.destroy(quiet())


@pytest.mark.parametrize("state", ["{}", '{"values": {"root_module": {}}}'])
def test_an_empty_state_is_not_said_to_be_destroyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    target = aws_with(f"if 'show' in sys.argv: print({state!r})", tmp_path, monkeypatch)
    monkeypatch.setattr(aws, "AwsTarget", lambda: target)
    assert destroy.main(["--target", "aws", "--yes"]) == 0
    printed = capsys.readouterr().out
    assert "another folder" in " ".join(printed.split())
    assert "is gone" not in printed


def test_clients_are_for_prepared_targets(tmp_path: Path) -> None:
    for target in (AwsTarget(tmp_path, tmp_path), LocalTarget(tmp_path, tmp_path)):
        with pytest.raises(TargetError):
            _ = target.clients
        target.release(abandoned=True)
