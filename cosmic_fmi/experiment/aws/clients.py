"""The AWS clients an experiment uses, made once a target, all for one region and one endpoint."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ecr.client import ECRClient
    from types_boto3_ecs.client import ECSClient
    from types_boto3_lambda.client import LambdaClient
    from types_boto3_logs.client import CloudWatchLogsClient
    from types_boto3_s3.client import S3Client
    from types_boto3_service_quotas.client import ServiceQuotasClient
    from types_boto3_ssm.client import SSMClient
    from types_boto3_stepfunctions.client import SFNClient
    from types_boto3_sts.client import STSClient


def session(region: str | None = None) -> boto3.Session:
    """A session in ``region``, else in AWS_REGION, which Terraform and the AWS CLI read, not boto3."""
    return boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None)


class Clients:
    """Lazily made boto3 clients. ``endpoint_url`` is None on AWS; the embedded AWS serves all of them at
    one.
    """

    def __init__(self, session: boto3.Session, endpoint_url: str | None = None) -> None:
        self._session = session
        self._endpoint_url = endpoint_url
        # An embedded AWS is on this machine: a proxy from the environment could not reach it.
        proxies: dict[str, str] | None = {} if endpoint_url else None
        self._config = Config(
            max_pool_connections=32, retries={"mode": "standard", "max_attempts": 5}, proxies=proxies
        )

    @cached_property
    def s3(self) -> S3Client:
        """Amazon S3."""
        return self._session.client("s3", endpoint_url=self._endpoint_url, config=self._config)

    @cached_property
    def stepfunctions(self) -> SFNClient:
        """AWS Step Functions."""
        return self._session.client("stepfunctions", endpoint_url=self._endpoint_url, config=self._config)

    @cached_property
    def functions(self) -> LambdaClient:
        """AWS Lambda."""
        return self._session.client("lambda", endpoint_url=self._endpoint_url, config=self._config)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """CloudWatch Logs."""
        return self._session.client("logs", endpoint_url=self._endpoint_url, config=self._config)

    @cached_property
    def ec2(self) -> EC2Client:
        """Amazon EC2."""
        return self._session.client("ec2", endpoint_url=self._endpoint_url, config=self._config)

    @cached_property
    def ecr(self) -> ECRClient:
        """Amazon ECR."""
        return self._session.client("ecr", endpoint_url=self._endpoint_url, config=self._config)

    @cached_property
    def ecs(self) -> ECSClient:
        """Amazon ECS."""
        return self._session.client("ecs", endpoint_url=self._endpoint_url, config=self._config)

    @cached_property
    def ssm(self) -> SSMClient:
        """AWS Systems Manager."""
        return self._session.client("ssm", endpoint_url=self._endpoint_url, config=self._config)

    @cached_property
    def sts(self) -> STSClient:
        """AWS Security Token Service."""
        return self._session.client("sts", endpoint_url=self._endpoint_url, config=self._config)

    @cached_property
    def quotas(self) -> ServiceQuotasClient:
        """Service Quotas."""
        return self._session.client("service-quotas", endpoint_url=self._endpoint_url, config=self._config)
