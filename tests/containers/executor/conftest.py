"""moto's server in this process, and the handlers' clients pointed at it over HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import urllib3
from moto.awslambda.urls import url_paths as lambda_urls
from moto.core.config import default_user_config
from moto.server import ThreadedMotoServer

from containers.executor import clients
from containers.executor.script import bundle
from cosmic_fmi.common.contract.keys import Execution

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_ssm import SSMClient

BUCKET = "the-bucket"
ATTEMPT = Execution("run-7").attempt()
PARAMETER = "/test/rendezvous"
ACCOUNT_CONCURRENCY = 10


def _account_settings(request: object, full_url: str, headers: object) -> tuple[int, dict[str, str], str]:  # noqa: ARG001
    """GetAccountSettings, which moto lacks."""
    return 200, {}, json.dumps({"AccountLimit": {"ConcurrentExecutions": ACCOUNT_CONCURRENCY}})


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of a moto server that lives as long as the test session."""
    lambda_urls["{0}/2016-08-19/account-settings/?$"] = _account_settings
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_PORT", str(port))
        yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An empty AWS with a bucket, and the environment of a function, with a /tmp of its own."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "STATE_BUCKET": BUCKET,
        "RENDEZVOUS_PARAMETER": PARAMETER,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    clients.forget()
    bundle._cache.clear()
    clients.s3().create_bucket(Bucket=BUCKET)
    yield
    clients.forget()
    with urllib3.PoolManager() as pool:
        pool.request("POST", f"{endpoint}/moto-api/reset")


@pytest.fixture
def s3(aws: None) -> S3Client:  # noqa: ARG001
    """The S3 client of the handlers."""
    return clients.s3()


@pytest.fixture
def ssm(aws: None) -> SSMClient:  # noqa: ARG001
    """The SSM client of the handlers."""
    return clients.ssm()


@pytest.fixture
def context() -> SimpleNamespace:
    """What awslambdaric passes to a handler, as far as the handlers read it."""
    return SimpleNamespace(
        aws_request_id="request-1",
        log_stream_name="stream-1",
        get_remaining_time_in_millis=lambda: 60_000,
    )
