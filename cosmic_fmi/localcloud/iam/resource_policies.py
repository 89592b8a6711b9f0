"""The policies that resources have themselves: buckets, functions, repositories, log groups."""

from __future__ import annotations

import json
from collections.abc import Iterator

from moto.ecr.models import ecr_backends
from moto.logs.models import logs_backends
from moto.s3.models import s3_backends

from cosmic_fmi.localcloud.iam.policy import Policy
from cosmic_fmi.localcloud.iam.principals import PARTITION
from cosmic_fmi.localcloud.moto._untyped import MotoObject
from cosmic_fmi.localcloud.moto.backends import ACCOUNT, find_function


def policies_at(resource: str) -> tuple[Policy, ...]:
    """All that are attached to what the ARN names."""
    parts = resource.split(":", 5)
    finder = _FINDERS.get(parts[2]) if len(parts) == 6 else None
    return tuple(map(Policy.of, finder(parts[3], parts[5]))) if finder else ()


def find_repository(region: str, name: str) -> MotoObject | None:
    """moto's repository; None where there is none of that name."""
    return ecr_backends[ACCOUNT][region].repositories.get(name)


def _bucket(_region: str, path: str) -> Iterator[str]:
    bucket = s3_backends[ACCOUNT][PARTITION].buckets.get(path.partition("/")[0])
    if bucket is not None and bucket.policy:
        yield bucket.policy.decode() if isinstance(bucket.policy, bytes) else bucket.policy


def _function(region: str, path: str) -> Iterator[str]:
    function = find_function(path.removeprefix("function:"), region)
    if function is not None and function.policy is not None:
        yield json.dumps({"Statement": function.policy.statements})


def _repository(region: str, path: str) -> Iterator[str]:
    repository = find_repository(region, path.removeprefix("repository/"))
    if repository is not None and repository.policy:
        yield repository.policy


def _log_group(region: str, _path: str) -> Iterator[str]:
    for policy in list(logs_backends[ACCOUNT][region].resource_policies.values()):
        yield policy.policy_document


_FINDERS = {"s3": _bucket, "lambda": _function, "ecr": _repository, "logs": _log_group}
