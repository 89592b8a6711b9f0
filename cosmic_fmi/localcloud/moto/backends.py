"""moto's in-memory services as the daemon sees them: where moto keeps what is known here only."""

from __future__ import annotations

from typing import Any

from moto.awslambda.models import lambda_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import JsonRESTError
from moto.ec2.models import ec2_backends
from moto.ecs.models import ecs_backends
from moto.events.models import events_backends

from cosmic_fmi.localcloud.moto._untyped import MotoObject

ACCOUNT = DEFAULT_ACCOUNT_ID


def function_arn(function: str, region: str) -> str:
    """The ARN of a function given by name or ARN."""
    return (
        function if function.startswith("arn:") else f"arn:aws:lambda:{region}:{ACCOUNT}:function:{function}"
    )


def find_function(function: str, region: str) -> MotoObject | None:
    """moto's LambdaFunction by name or ARN (with or without version), or None."""
    name = function
    if function.startswith("arn:"):
        parts = function.split(":")
        region, name = parts[3], parts[6]
    try:
        return lambda_backends[ACCOUNT][region].get_function(name.split(":")[0])
    except JsonRESTError:
        return None


def reserved_concurrency() -> dict[str, int]:
    """Function ARN → concurrency reserved for it, over all regions in use."""
    reserved = {}
    for backend in list(lambda_backends[ACCOUNT].values()):
        # A copy first: other threads create functions meanwhile.
        for group in list(backend._lambdas._functions.values()):
            function = group["latest"]
            if function is not None and function.reserved_concurrency is not None:
                reserved[function.function_arn] = int(function.reserved_concurrency)
    return reserved


def ecs_regions() -> list[tuple[str, Any]]:
    """(region, moto's ECS backend) of every region in use."""
    return list(ecs_backends[ACCOUNT].items())


def ec2(region: str) -> MotoObject:
    """moto's EC2 backend of a region."""
    return ec2_backends[ACCOUNT][region]


def events(region: str) -> MotoObject:
    """moto's EventBridge backend of a region."""
    return events_backends[ACCOUNT][region]
