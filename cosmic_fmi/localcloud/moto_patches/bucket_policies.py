"""Bucket policies, which moto 5.2.5 reads without their conditions, are decided upon before moto is asked."""

from __future__ import annotations

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from cosmic_fmi.localcloud.moto._untyped import MotoObject


def install() -> None:
    """Let moto leave them alone."""
    FakeBucket.get_permission = _permission


def _permission(_bucket: MotoObject, _action: str, _resource: str) -> PermissionResult:
    return PermissionResult.NEUTRAL
