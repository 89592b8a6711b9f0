"""Variables from SSM parameters."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from containers.executor.handlers import execute
from containers.executor.handlers.execute import ScriptError
from tests.containers.executor.handlers.test_execute import event, outcome, upload

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_ssm import SSMClient


def test_the_script_finds_the_secret_and_no_trace_of_it_is_left(
    s3: S3Client, ssm: SSMClient, context: SimpleNamespace
) -> None:
    ssm.put_parameter(Name="/cosmic/scripts/token", Value="open sesame", Type="SecureString")
    upload(s3, "import os\nprint(len(os.environ['TOKEN']))")
    order = event(parameters={"TOKEN": "/cosmic/scripts/token"})
    execute.handler(order, context)
    assert outcome().output_tail == ["11"]
    assert "sesame" not in str(order) + str(outcome())


def test_a_parameter_that_is_missing_is_one_sentence(
    s3: S3Client, ssm: SSMClient, context: SimpleNamespace
) -> None:
    assert ssm
    upload(s3, "print('not reached')")
    with pytest.raises(ScriptError, match=r"There is no SSM parameter '/cosmic/scripts/none' in this region"):
        execute.handler(event(parameters={"TOKEN": "/cosmic/scripts/none"}), context)
