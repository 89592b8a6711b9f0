"""Who calls: the account's administrator, users, sessions of roles, and services."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from cosmic_fmi.localcloud.iam.conditions import Context
from cosmic_fmi.localcloud.iam.policy import Policies, Policy, of_documents
from cosmic_fmi.localcloud.moto._untyped import MotoObject
from cosmic_fmi.localcloud.moto.backends import ACCOUNT

PARTITION = "aws"
# Whoever started the embedded AWS owns the account.
ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:root"
_EVERYTHING = Policy.of('{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}')


@dataclass(frozen=True)
class Credentials:
    """What a caller signs its requests with."""

    access_key: str
    secret_key: str
    session_token: str

    def environment(self) -> dict[str, str]:
        """The variables that every SDK of AWS reads them from."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }


@dataclass(frozen=True)
class Principal:
    """A caller: `arn` is what messages call it, `owner` the ARN of the user or role that has the policies.

    A service has no policies, and its name (such as events.amazonaws.com) for both.
    """

    arn: str
    owner: str

    @property
    def is_service(self) -> bool:
        """Whether it is a service of AWS and not a user or a role."""
        return not self.owner.startswith("arn:")

    @property
    def names(self) -> frozenset[str]:
        """Those by which a policy may mean it."""
        return frozenset({self.arn, self.owner})

    def context(self) -> Context:
        """The condition keys that tell who it is."""
        if self.is_service:
            return {"aws:PrincipalIsAWSService": "true", "aws:PrincipalServiceName": self.owner}
        kind = {"user": "User", "role": "AssumedRole"}.get(
            self.owner.split(":")[5].partition("/")[0], "Account"
        )
        named = {"aws:username": self.owner.rpartition("/")[2]} if kind == "User" else {}
        return {
            "aws:PrincipalArn": self.owner,
            "aws:PrincipalAccount": ACCOUNT,
            "aws:PrincipalType": kind,
            "aws:PrincipalIsAWSService": "false",
            **named,
        }

    def policies(self) -> Policies:
        """Its own policies as they are now, and its permissions boundary."""
        if self.is_service:
            return Policies()
        if self.owner == ADMINISTRATOR:
            return Policies(identity=(_EVERYTHING,))
        model = find_user(self.owner) if ":user/" in self.owner else find_role(self.owner)
        if model is None:  # deleted meanwhile; its sessions can do nothing
            return Policies()
        boundary = getattr(model, "permissions_boundary_arn", None) or getattr(
            model, "permissions_boundary", None
        )
        return Policies(
            identity=of_documents(_documents(model)),
            boundary=Policy.of(_managed_document(boundary)) if isinstance(boundary, str) else None,
        )


class Sessions:
    """Credentials of roles' sessions; one role and session name has the same ones as long as this lives."""

    def __init__(self, administrator_key: str) -> None:
        self._administrator_key = administrator_key
        self._lock = threading.Lock()
        self._issued: dict[tuple[str, str], Credentials] = {}
        self._principals: dict[str, Principal] = {}

    def issue(self, role_arn: str, session: str) -> Credentials:
        """Credentials of that session of the role."""
        with self._lock:
            if (role_arn, session) not in self._issued:
                made = Credentials(
                    f"ASIA{secrets.token_hex(16).upper()}", secrets.token_hex(20), secrets.token_hex(32)
                )
                self._issued[role_arn, session] = made
                self._principals[made.access_key] = session_of(role_arn, session)
            return self._issued[role_arn, session]

    def principal(self, access_key: str) -> Principal | None:
        """Whose key this is; None where it is nobody's."""
        if access_key == self._administrator_key:
            return Principal(ADMINISTRATOR, ADMINISTRATOR)
        return self._principals.get(access_key) or _user_of(access_key) or _assumed(access_key)


def service(name: str) -> Principal:
    """A service such as events.amazonaws.com, which acts for itself."""
    return Principal(name, name)


def session_of(role_arn: str, session: str) -> Principal:
    """A session of a role."""
    name = role_arn.rpartition("/")[2]
    return Principal(f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}", role_arn)


def find_role(arn: str) -> MotoObject | None:
    """moto's role of that ARN."""
    roles = list(iam_backends[ACCOUNT][PARTITION].roles.values())
    return next((role for role in roles if role.arn == arn), None)


def find_user(arn: str) -> MotoObject | None:
    """moto's user of that ARN."""
    users = list(iam_backends[ACCOUNT][PARTITION].users.values())
    return next((user for user in users if user.arn == arn), None)


def _user_of(access_key: str) -> Principal | None:
    for user in list(iam_backends[ACCOUNT][PARTITION].users.values()):
        if any(key.access_key_id == access_key and key.status == "Active" for key in list(user.access_keys)):
            return Principal(user.arn, user.arn)
    return None


def _assumed(access_key: str) -> Principal | None:
    for role in list(sts_backends[ACCOUNT][PARTITION].assumed_roles):
        if role.access_key_id == access_key:
            return session_of(role.role_arn, role.session_name)
    return None


def _documents(model: MotoObject) -> Iterator[str]:
    yield from list(model.policies.values())
    for arn in list(model.managed_policies):
        yield _managed_document(arn)
    if ":user/" in model.arn:
        backend = iam_backends[ACCOUNT][PARTITION]
        for group in backend.get_groups_for_user(model.name):
            yield from _documents(group)


def _managed_document(arn: str) -> str:
    document = iam_backends[ACCOUNT][PARTITION].get_policy(arn)
    [version] = [one for one in document.versions if one.version_id == document.default_version_id]
    return str(version.document)
