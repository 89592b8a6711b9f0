"""One embedded AWS for all tests of localcloud, and short ways to deploy to it and to call it."""

import contextlib
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from cosmic_fmi.localcloud import EmbeddedAWS

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import InvocationResponseTypeDef

# Whatever JSON holds, and boto3 takes and gives.
Json = Any

FUNCTIONS = Path(__file__).parent / "functions"
ROLE = "arn:aws:iam::123456789012:role/test"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/test:1"


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {
                "Service": ["lambda.amazonaws.com", "states.amazonaws.com", "codebuild.amazonaws.com"]
            },
        },
    }
)


def create_role(cloud: EmbeddedAWS, name: str = "test", actions: str | list[str] = "*") -> str:
    """A role that services may take and that may do these actions, everywhere; its ARN."""
    iam = client(cloud, "iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    allow(cloud, name, actions)
    return str(role)


def allow(cloud: EmbeddedAWS, role: str, actions: str | list[str], resources: str | list[str] = "*") -> None:
    """Let a role do these actions there, and nothing else."""
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    client(cloud, "iam").put_role_policy(RoleName=role, PolicyName="test", PolicyDocument=policy)


def client(cloud: EmbeddedAWS, service: str) -> Json:
    """A boto3 client of the embedded AWS that tries everything once."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=cloud.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=cloud.environment()["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=40, read_timeout=60),
    )


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Json:
    """The first true value of `condition`; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        if value := condition():
            return value
        pause.wait(0.02)
    pytest.fail(f"{what} did not happen within {seconds} s")


@dataclass(frozen=True)
class Reply:
    """What an invocation came back with."""

    payload: Any
    error: str | None
    headers: dict[str, str]
    status: int


@dataclass(frozen=True)
class Function:
    """A deployed function."""

    cloud: EmbeddedAWS
    name: str

    def invoke(self, event: Json = None, **options: Json) -> Reply:
        """Call it and wait."""
        response: InvocationResponseTypeDef = client(self.cloud, "lambda").invoke(
            FunctionName=self.name, Payload=json.dumps(event or {}).encode(), **options
        )
        body = response["Payload"].read()
        return Reply(
            payload=json.loads(body) if body else None,
            error=response.get("FunctionError"),
            headers=response["ResponseMetadata"]["HTTPHeaders"],
            status=response["StatusCode"],
        )

    def log(self) -> list[str]:
        """Every line of its log group, in order."""
        logs = client(self.cloud, "logs")
        lines = []
        group = f"/aws/lambda/{self.name}"
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
            events = logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )
            lines += [event["message"] for event in events["events"]]
        return lines


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAWS]:
    """An embedded AWS with room for 20 concurrent functions, whose code is in functions/ beside this file."""
    with EmbeddedAWS(tmp_path_factory.mktemp("localcloud"), FUNCTIONS, concurrency=20) as running:
        create_role(running)
        yield running


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that functions see under the same path; pytest's own are below /tmp, which is theirs."""
    (FUNCTIONS / "__pycache__").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FUNCTIONS / "__pycache__") as folder:
        yield Path(folder)


@pytest.fixture
def deploy(cloud: EmbeddedAWS, request: pytest.FixtureRequest) -> Iterator[Callable[..., Function]]:
    """Deploys a handler under a name of its own and removes it after the test."""
    names: list[str] = []
    functions = client(cloud, "lambda")

    def create(handler: str, **configuration: Json) -> Function:
        name = f"{request.node.name[:40]}-{len(names)}".replace("[", "-").replace("]", "")
        functions.create_function(
            FunctionName=name,
            PackageType="Image",
            Code={"ImageUri": IMAGE},
            ImageConfig={"Command": [handler]},
            **{"Role": ROLE, "Timeout": 20, "MemorySize": 256, **configuration},
        )
        names.append(name)
        return Function(cloud, name)

    yield create
    for name in names:
        with contextlib.suppress(functions.exceptions.ResourceNotFoundException):
            functions.delete_function(FunctionName=name)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedAWS]:
    """An embedded AWS of this test's own, for it to stop and to kill."""
    with EmbeddedAWS(tmp_path / "state", FUNCTIONS) as cloud:
        yield cloud
