"""AWS clients, each made once a process: a warm environment keeps its connections."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ecs import ECSClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_route53 import Route53Client
    from types_boto3_s3 import S3Client
    from types_boto3_ssm import SSMClient

PARALLEL_REQUESTS = 16
"""Requests to S3 in flight at once: enough to hide its latency, few enough for a small function."""

_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 5},
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=PARALLEL_REQUESTS * 2,
)


@lru_cache(maxsize=1)
def s3() -> S3Client:
    """The S3 client (thread-safe, as all boto3 clients are)."""
    return boto3.client("s3", config=_CONFIG)


@lru_cache(maxsize=1)
def ssm() -> SSMClient:
    """The Systems Manager client."""
    return boto3.client("ssm", config=_CONFIG)


@lru_cache(maxsize=1)
def lambda_() -> LambdaClient:
    """The Lambda client."""
    return boto3.client("lambda", config=_CONFIG)


@lru_cache(maxsize=1)
def ec2() -> EC2Client:
    """The EC2 client."""
    return boto3.client("ec2", config=_CONFIG)


@lru_cache(maxsize=1)
def ecs() -> ECSClient:
    """The ECS client."""
    return boto3.client("ecs", config=_CONFIG)


@lru_cache(maxsize=1)
def route53() -> Route53Client:
    """The Route 53 client."""
    return boto3.client("route53", config=_CONFIG)


def forget() -> None:
    """Close and drop every client, so that the next use reads the environment (endpoint, region) again."""
    for factory in (s3, ssm, lambda_, ec2, ecs, route53):
        if factory.cache_info().currsize:
            factory().close()
        factory.cache_clear()
