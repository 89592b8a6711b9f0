"""What a call needs: the actions and resources that its caller has to be allowed."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cosmic_fmi.localcloud.iam.calls import Call
from cosmic_fmi.localcloud.iam.conditions import Context
from cosmic_fmi.localcloud.iam.tables import ALWAYS_ALLOWED, BASES, OPERATIONS, PASSED_ROLES, PREFIXES, TAGGED
from cosmic_fmi.localcloud.moto.backends import ACCOUNT

OBJECT = re.compile(r"<Object>.*?</Object>", re.DOTALL)
_OF_VERSIONS = {"s3:GetObject": "s3:GetObjectVersion", "s3:DeleteObject": "s3:DeleteObjectVersion"}
_KEY = re.compile(r"<Key>(.*?)</Key>", re.DOTALL)
_FIELD = re.compile(r"\{([\w.-]+)(?::(\w+))?\}")


class UnmappedError(Exception):
    """An operation that the tables do not have; nobody can be allowed it."""


@dataclass(frozen=True)
class Need:
    """One action on one resource; `context` has the condition keys that only this request has."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


def needs_of(call: Call) -> list[Need]:
    """All that the call needs; empty for what everybody may. Raises UnmappedError."""
    prefix = PREFIXES.get(call.service, call.service)
    if f"{prefix}:{call.operation}" in ALWAYS_ALLOWED:
        return []
    rows = OPERATIONS.get(call.service, {}).get(call.operation)
    if rows is None:
        raise UnmappedError(
            f"the embedded AWS does not know which permission {prefix}:{call.operation} needs, and refuses "
            "it: add it to cosmic_fmi/localcloud/iam/tables.py"
        )
    context = _context(call)
    found = [
        Need(f"{prefix}:{action or call.operation}", resource, context)
        for action, template in rows
        for resource in _resources(template, call)
    ]
    if call.service == "s3" and "versionId" in call.parameters:
        found = [_of_version(need) for need in found]
    return [*found, *_tags(call, prefix, [need.resource for need in found]), *_passed_roles(call)]


def keys_to_delete(body: str) -> list[str]:
    """The keys that a DeleteObjects request names."""
    return [html.unescape(key) for key in _KEY.findall(body)]


def deletions(body: str) -> list[tuple[str, str]]:
    """(key, action that its deletion needs) of a DeleteObjects request."""
    return [
        (keys_to_delete(each)[0], f"s3:DeleteObject{'Version' if '<VersionId>' in each else ''}")
        for each in OBJECT.findall(body)
    ]


def _of_version(need: Need) -> Need:
    """Versions have actions of their own."""
    action = _OF_VERSIONS.get(need.action, need.action)
    return Need(action, need.resource, need.context)


def _resources(template: str, call: Call) -> Iterator[str]:
    """The ARNs of a template; one for each element where a parameter is a list."""
    base = "" if template == "*" or template.startswith("arn:") else BASES[call.service]
    values: Mapping[str, Any] = {"region": call.region, "account": ACCOUNT, **call.parameters}
    if call.service == "budgets":
        values = {**values, **call.parameters.get("Budget", {})}  # a new one has its name inside
    several = [name for name, _ in _FIELD.findall(template) if isinstance(values.get(name), list)]
    for each in values[several[0]] or ["*"] if several else [None]:
        chosen = {**values, several[0]: each} if several else values
        yield _FIELD.sub(lambda found: _part(chosen.get(found[1]), found[2] or ""), base + template)  # noqa: B023


def _part(value: object, rule: str) -> str:
    """A parameter's value as its ARN shows it; a parameter that is not given means any."""
    text = "*" if value in (None, "") else str(value)
    return _RULES[rule](text) if rule else text


def _function_name(text: str) -> str:
    return text.split(":")[6] if text.startswith("arn:") else text.partition(":")[0]


def _ec2_kind(identifier: str) -> str:
    return _EC2_KINDS.get(identifier.partition("-")[0], "*")


# How a name of a template's field, such as {cluster:last}, is made of a parameter.
_RULES: dict[str, Callable[[str], str]] = {
    "last": lambda text: text.rpartition("/")[2],  # of a name or an ARN
    "function": _function_name,  # by name or ARN, with or without a version
    "path": lambda text: text.removeprefix("/"),  # SSM's names begin with a slash, its ARNs have one already
    "project": lambda text: text.rpartition("project/")[2],  # by name or ARN
    "before": lambda text: text.rpartition("build/")[2].partition(":")[0],  # a build's id, of its project
    "tail": lambda text: text.removeprefix("arn:"),  # of an ARN that the template begins
    "kind": _ec2_kind,
}
_EC2_KINDS = {
    "vpc": "vpc",
    "subnet": "subnet",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "rtb": "route-table",
    "igw": "internet-gateway",
    "eni": "network-interface",
}


def _context(call: Call) -> Context:
    parameters = call.parameters
    if call.service == "s3" and call.operation in ("ListObjects", "ListObjectsV2", "ListObjectVersions"):
        return {"s3:prefix": str(parameters.get("prefix", ""))}
    if call.operation == "ChangeResourceRecordSets":
        names = re.findall(r"<Name>(.*?)</Name>", parameters.get("body", ""))
        normal = tuple(name.rstrip(".").lower() for name in names)
        return {"route53:ChangeResourceRecordSetsNormalizedRecordNames": normal}
    return {}


def _tags(call: Call, prefix: str, resources: list[str]) -> Iterator[Need]:
    """Who tags what is being made needs a permission for that, too."""
    if call.service == "ec2":
        kinds = {
            value
            for name, value in call.parameters.items()
            if re.fullmatch(r"TagSpecification\.\d+\.ResourceType", name)
        }
        for kind in sorted(kinds):
            resource = f"arn:aws:ec2:{call.region}:{ACCOUNT}:{kind}/*"
            yield Need("ec2:CreateTags", resource, {"ec2:CreateAction": call.operation})
    action = TAGGED.get((call.service, call.operation))
    names = ("tags", "Tags", "ResourceTags", "Tags.member.1.Key")
    if action is not None and any(call.parameters.get(name) for name in names):
        yield Need(f"{prefix}:{action}", resources[0])


def _passed_roles(call: Call) -> Iterator[Need]:
    for name, service in PASSED_ROLES.get((call.service, call.operation), ()):
        if role := call.parameters.get(name):
            yield Need("iam:PassRole", str(role), {"iam:PassedToService": service})
