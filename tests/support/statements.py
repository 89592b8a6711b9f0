"""Which statements of a deployment's policies the recorded calls need."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from cosmic_fmi.localcloud.iam.policy import Effect, Policies, Policy, Request, listed

Recorded = list[tuple[str, Request]]
Json = dict[str, Any]


class Held(NamedTuple):
    """A statement where it applies: `who` is a role, a repository or a function."""

    who: str
    sid: str
    effect: Effect
    of_resource: bool
    owner: str
    """The ARN of the role that has it, or of the resource that it is attached to."""
    whole: Policy
    rest: Policy
    """The policy without it."""


def held(resources: Iterable[tuple[str, Json]]) -> Iterator[Held]:
    """Every statement of (Terraform's type, values) resources."""
    for kind, values in resources:
        if kind == "aws_iam_role":
            owner, name = values["arn"], values["name"]
            yield from _each(f"trust of {name}", owner, values["assume_role_policy"], of_resource=True)
        elif kind == "aws_iam_role_policy":
            owner = f"arn:aws:iam::123456789012:role/{values['role']}"
            yield from _each(values["role"], owner, values["policy"], of_resource=False)
        elif kind == "aws_ecr_repository_policy":
            owner = f"arn:aws:ecr:us-east-1:123456789012:repository/{values['repository']}"
            yield from _each(values["repository"], owner, values["policy"], of_resource=True)
        elif kind == "aws_lambda_permission":
            owner = f"arn:aws:lambda:us-east-1:123456789012:function:{values['function_name']}"
            yield from _each(values["function_name"], owner, _permission(values, owner), of_resource=True)


def calls_that_need(statement: Held, calls: Recorded) -> list[Request]:
    """The calls that are allowed as things are, and refused without the statement."""
    return [
        request
        for owner, request in calls
        if (request.resource if statement.of_resource else owner) == statement.owner
        and _allowed(statement, statement.whole, request)
        and not _allowed(statement, statement.rest, request)
    ]


def _allowed(statement: Held, policy: Policy, request: Request) -> bool:
    policies = Policies(resource=(policy,)) if statement.of_resource else Policies(identity=(policy,))
    return policies.refusal(request) is None


def _each(who: str, owner: str, document: str, *, of_resource: bool) -> Iterator[Held]:
    statements = listed(json.loads(document)["Statement"])
    for one in statements:
        rest = json.dumps({"Statement": [each for each in statements if each is not one]})
        yield Held(
            who,
            one.get("Sid", ""),
            one["Effect"],
            of_resource,
            owner,
            Policy.of(document),
            Policy.of(rest),
        )


def _permission(values: Json, owner: str) -> str:
    statement = {
        "Sid": values["statement_id"],
        "Effect": "Allow",
        "Principal": {"Service": values["principal"]},
        "Action": values["action"],
        "Resource": owner,
        "Condition": {"ArnLike": {"aws:SourceArn": values["source_arn"]}},
    }
    return json.dumps({"Statement": statement})
