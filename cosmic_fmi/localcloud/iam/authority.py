"""Decides who may do what, from the policies that the embedded AWS holds at that moment."""

from __future__ import annotations

from dataclasses import replace

from cosmic_fmi.localcloud.iam.conditions import Context
from cosmic_fmi.localcloud.iam.policy import Policies, Policy, Request
from cosmic_fmi.localcloud.iam.principals import (
    ADMINISTRATOR,
    Principal,
    Sessions,
    find_role,
    service,
)
from cosmic_fmi.localcloud.iam.recorder import Recorder
from cosmic_fmi.localcloud.iam.resource_policies import policies_at
from cosmic_fmi.localcloud.moto.backends import ACCOUNT

_NO_CONTEXT: Context = {}
_OWNERS_ACTIONS = {"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"}


class AccessDeniedError(Exception):
    """AWS's refusal; its text is AWS's own, with caller, action and resource."""


class CannotAssumeError(Exception):
    """A role's trust policy does not let a service take it."""


class Authority:
    """The IAM of the embedded AWS; with `enforce` off it names everybody and refuses nobody."""

    def __init__(
        self, administrator_key: str, *, enforce: bool = True, recorder: Recorder | None = None
    ) -> None:
        self.sessions = Sessions(administrator_key)
        self.enforce = enforce
        self._recorder = recorder

    def check(
        self, principal: Principal, action: str, resource: str, region: str, context: Context = _NO_CONTEXT
    ) -> None:
        """Return if the principal may do that; raise AccessDeniedError if not."""
        if not self.enforce:
            return
        request = Request(
            action,
            resource,
            {
                # What reaches this machine's loopback address has crossed no network.
                "aws:SecureTransport": "true",
                "aws:RequestedRegion": region,
                "aws:SourceIp": "127.0.0.1",
                **principal.context(),
                **context,
            },
            principal.names,
        )
        if self._recorder is not None:
            self._recorder.add(principal, request)
        at_resource = () if _is_owner_mending(principal, action) else policies_at(resource)
        policies = replace(principal.policies(), resource=at_resource)
        if (reason := policies.refusal(request)) is not None:
            raise AccessDeniedError(denial(principal, action, resource, reason))

    def allows(
        self, principal: Principal, action: str, resource: str, region: str, context: Context = _NO_CONTEXT
    ) -> bool:
        """Whether the principal may do that."""
        try:
            self.check(principal, action, resource, region, context)
        except AccessDeniedError:
            return False
        return True

    def check_service(self, name: str, action: str, resource: str, region: str, source_arn: str) -> None:
        """The same for a service that acts for itself on behalf of the resource `source_arn`."""
        self.check(service(name), action, resource, region, source(source_arn))

    def check_trust(self, role_arn: str, name: str, source_arn: str) -> None:
        """Raise CannotAssumeError unless the role's trust policy lets the service take it."""
        if not self.enforce:
            return
        role = find_role(role_arn)
        if role is None:
            raise CannotAssumeError(f"there is no role {role_arn}")
        caller = service(name)
        request = Request(
            "sts:AssumeRole", role_arn, {**caller.context(), **source(source_arn)}, caller.names
        )
        if self._recorder is not None:
            self._recorder.add(caller, request)
        trust = Policies(resource=(Policy.of(role.assume_role_policy_document),))
        if trust.refusal(request) is not None:
            raise CannotAssumeError(f"{name} is not authorized to perform: sts:AssumeRole on {role_arn}")


def _is_owner_mending(principal: Principal, action: str) -> bool:
    """Whether the account's owner reads or replaces a bucket's policy, which no bucket policy can deny.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html
    """
    return principal.owner == ADMINISTRATOR and action in _OWNERS_ACTIONS


def source(arn: str) -> Context:
    """The condition keys by which a service says for whom it acts."""
    return {"aws:SourceArn": arn, "aws:SourceAccount": ACCOUNT}


def denial(principal: Principal, action: str, resource: str, reason: str) -> str:
    """AWS's sentence.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    quoted = f'"{resource}"' if action.startswith("s3:") else resource
    return f"User: {principal.arn} is not authorized to perform: {action} on resource: {quoted} {reason}"
