"""Policies, and what they say about one request.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from cosmic_fmi.localcloud.iam.conditions import Context, holds
from cosmic_fmi.localcloud.iam.matching import arn_like, like

_VARIABLE = re.compile(r"\$\{([^}]+)\}")
Effect = Literal["Allow", "Deny"]


@dataclass(frozen=True)
class Request:
    """Who asks for what: `principals` are all names by which a policy may mean the caller."""

    action: str
    resource: str
    context: Context
    principals: frozenset[str] = frozenset()
    """Such as an ARN of a role and of its session, or the name of a service."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy."""

    sid: str
    effect: Effect
    content: Mapping[str, Any]

    def applies(self, request: Request, *, of_resource: bool = False) -> bool:
        """Whether it says anything about the request; a resource's statement names who is meant."""
        return (
            _named(self.content, "Action", request.action, lambda one, it: like(one, it, fold=True))
            and (
                (of_resource and not {"Resource", "NotResource"} & self.content.keys())
                or _named(self.content, "Resource", request.resource, _with_variables(request.context))
            )
            and (not of_resource or self._means(request.principals))
            and holds(self.content.get("Condition", {}), request.context)
        )

    def _means(self, principals: frozenset[str]) -> bool:
        for name in ("Principal", "NotPrincipal"):
            if name in self.content:
                given = self.content[name]
                named = (
                    {each for values in given.values() for each in listed(values)}
                    if isinstance(given, dict)
                    else {given}
                )
                return ("*" in named or not named.isdisjoint(principals)) == (name == "Principal")
        return False


@dataclass(frozen=True)
class Policy:
    """A policy document."""

    statements: tuple[Statement, ...]

    @classmethod
    def of(cls, document: str) -> Policy:
        """Read its JSON; raises ValueError for what is none."""
        return _parsed(document)

    def applying(self, request: Request, effect: Effect, *, of_resource: bool = False) -> Statement | None:
        """A statement of that effect that says something about the request."""
        return next(
            (
                one
                for one in self.statements
                if one.effect == effect and one.applies(request, of_resource=of_resource)
            ),
            None,
        )


@dataclass(frozen=True)
class Policies:
    """All that decides about a request within one account."""

    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    resource: tuple[Policy, ...] = ()

    def refusal(self, request: Request) -> str | None:
        """Why the request is refused, in AWS's words; None where it is allowed.

        An explicit Deny wins. A resource's policy alone is enough for a service and for the same account.
        Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
        """
        if (kind := self._denying(request)) is not None:
            return f"with an explicit deny in {kind}"
        by_resource = any(one.applying(request, "Allow", of_resource=True) for one in self.resource)
        by_identity = any(one.applying(request, "Allow") for one in self.identity)
        if not by_resource and not by_identity:
            kind = "identity-based" if self.identity or not self.resource else "resource-based"
            return f"because no {kind} policy allows the {request.action} action"
        if self.boundary is not None and not self.boundary.applying(request, "Allow"):
            return f"because no permissions boundary allows the {request.action} action"
        return None

    def _denying(self, request: Request) -> str | None:
        if any(one.applying(request, "Deny") for one in self.identity):
            return "an identity-based policy"
        if any(one.applying(request, "Deny", of_resource=True) for one in self.resource):
            return "a resource-based policy"
        if self.boundary is not None and self.boundary.applying(request, "Deny"):
            return "a permissions boundary"
        return None


@lru_cache(maxsize=1024)
def _parsed(document: str) -> Policy:
    content = json.loads(document)
    found = content.get("Statement", []) if isinstance(content, dict) else []
    return Policy(tuple(Statement(one.get("Sid", ""), one["Effect"], one) for one in listed(found)))


def listed(value: Any) -> list[Any]:  # noqa: ANN401 - IAM's JSON has lists of one without their brackets
    """The value, as a list where it is none."""
    return value if isinstance(value, list) else [value]


def _named(content: Mapping[str, Any], element: str, value: str, matches: Callable[[str, str], bool]) -> bool:
    if element in content:
        return any(matches(one, value) for one in listed(content[element]))
    negated = f"Not{element}"
    return negated in content and not any(matches(one, value) for one in listed(content[negated]))


def _with_variables(context: Context) -> Callable[[str, str], bool]:
    """Compares resources after policy variables such as ${aws:username} were filled in."""

    def matches(pattern: str, resource: str) -> bool:
        names = _VARIABLE.findall(pattern)
        values = {name: context.get(name) for name in names}
        if not all(isinstance(value, str) for value in values.values()):
            return False
        return arn_like(_VARIABLE.sub(lambda found: str(values[found[1]]), pattern), resource)

    return matches


def of_documents(documents: Iterable[str]) -> tuple[Policy, ...]:
    """The policies of their JSON documents."""
    return tuple(Policy.of(one) for one in documents)
