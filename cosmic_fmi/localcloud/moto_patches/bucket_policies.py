"""Bucket policies as a service behind TLS sees them; moto 5.2.5 takes a conditional Deny for a plain one.

The embedded AWS speaks HTTP on the loopback address, so what reaches it has crossed no network: its
connections count as secure, and a statement that only concerns insecure ones does not apply.
"""

from __future__ import annotations

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

from cosmic_fmi.localcloud.moto._untyped import MotoObject


def install() -> None:
    """Let moto leave out the statements that do not apply here."""
    FakeBucket.get_permission = _permission


def _permission(self: MotoObject, action: str, resource: str) -> PermissionResult:
    if self.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(self.policy)
    statements = policy["Statement"]
    if isinstance(statements, dict):
        statements = [statements]
    policy["Statement"] = [each for each in statements if not _wants_insecure(each)]
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)


def _wants_insecure(statement: dict[str, Any]) -> bool:
    """Whether one of its conditions is a connection without TLS."""
    wanted = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    values = wanted if isinstance(wanted, list) else [wanted]
    return [str(value).lower() for value in values] == ["false"]
