"""What policies say: examples from IAM's documentation, and laws that hold for all of them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmic_fmi.localcloud.iam.conditions import UnknownOperatorError, holds
from cosmic_fmi.localcloud.iam.matching import arn_like, like
from cosmic_fmi.localcloud.iam.policy import Policies, Policy, Request

BUCKET, OBJECT = "arn:aws:s3:::bucket", "arn:aws:s3:::bucket/executions/1.json"
ROLE = "arn:aws:iam::123456789012:role/r"


def statement(
    effect: str = "Allow", action: str = "s3:GetObject", resource: str = OBJECT, **more: object
) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def policy(*statements: dict[str, Any]) -> Policy:
    return Policy.of(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def refusal(
    *statements: dict[str, Any],
    action: str = "s3:GetObject",
    resource: str = OBJECT,
    context: dict[str, str | tuple[str, ...]] | None = None,
    at_resource: Policy | None = None,
    boundary: Policy | None = None,
) -> str | None:
    policies = Policies((policy(*statements),), boundary, (at_resource,) if at_resource else ())
    return policies.refusal(Request(action, resource, context or {}, frozenset({ROLE})))


@pytest.mark.parametrize(
    ("pattern", "arn", "fits"),
    [
        ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b:c", True),
        ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket", False),
        ("arn:aws:s3:::bucket/?.json", "arn:aws:s3:::bucket/1.json", True),
        (
            "arn:aws:lambda:*:123456789012:function:cosmic-*",
            "arn:aws:lambda:r:123456789012:function:cosmic-x",
            True,
        ),
        # Wildcards do not cross the colons between the first five parts.
        ("arn:aws:lambda:*:function:f", "arn:aws:lambda:us-east-1:123456789012:function:f", False),
        ("arn:aws:logs:*:*:log-group:/f:*", "arn:aws:logs:r:1:log-group:/f:log-stream:s", True),
        ("arn:aws:s3:::[a]*", "arn:aws:s3:::a", False),
        ("*", "*", True),
        ("*", OBJECT, True),
        (OBJECT, "*", False),
    ],
)
def test_arns(pattern: str, arn: str, fits: bool) -> None:
    assert arn_like(pattern, arn) == fits


@given(st.text(max_size=20), st.text(max_size=20))
def test_wildcards(start: str, end: str) -> None:
    plain = not set("*?") & set(start)
    assert like(f"{start}*", start + end) or not plain
    assert like("*", start)
    assert like("?" * len(start), start)
    if plain:
        assert like(start, start)
        assert like(start, end) == (start == end)


OPERATORS: list[tuple[str, Any, Any, bool]] = [
    ("StringEquals", "a", "a", True),
    ("StringEquals", ["a", "b"], "b", True),
    ("StringEquals", "a", "A", False),
    ("StringEquals", "a", None, False),
    ("StringEqualsIfExists", "a", None, True),
    ("StringNotEquals", ["a", "b"], "a", False),
    ("StringNotEquals", "a", None, True),
    ("StringLike", "exec*/?", "executions/1", True),
    ("ArnLike", "arn:aws:lambda:*:*:function:x-*", "arn:aws:lambda:r:1:function:x-1", True),
    ("ArnNotLike", "arn:aws:lambda:*:*:function:x-*", "arn:aws:lambda:r:1:function:y", True),
    ("Bool", False, "false", True),
    ("Bool", "true", "false", False),
    ("Null", "true", None, True),
    ("Null", "true", "x", False),
    ("NumericLessThan", 3, "2", True),
    ("DateGreaterThan", "2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
    ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
    ("NotIpAddress", "10.0.0.0/8", "10.1.2.3", False),
    ("ForAllValues:StringEquals", ["a", "b"], ("a", "b"), True),
    ("ForAllValues:StringEquals", ["a"], ("a", "b"), False),
    ("ForAllValues:StringEquals", ["a"], None, True),
    ("ForAnyValue:StringEquals", ["a"], ("a", "b"), True),
    ("ForAnyValue:StringEquals", ["a"], None, False),
]


@pytest.mark.parametrize(("operator", "wanted", "given_value", "result"), OPERATORS)
def test_conditions(operator: str, wanted: Any, given_value: Any, result: bool) -> None:  # noqa: ANN401
    context = {} if given_value is None else {"key": given_value}
    assert holds({operator: {"Key": wanted}}, context) == result


def test_an_unknown_operator_is_no_condition_that_holds() -> None:
    with pytest.raises(UnknownOperatorError, match="StringIsNice"):
        holds({"StringIsNice": {"key": "a"}}, {"key": "a"})


def test_nothing_is_allowed_that_no_statement_allows() -> None:
    assert refusal() == "because no identity-based policy allows the s3:GetObject action"
    assert refusal(statement(action="s3:PutObject")) is not None
    assert refusal(statement(resource=BUCKET)) is not None
    assert refusal(statement()) is None
    assert refusal(statement(action="S3:getobject")) is None


def test_not_action_and_not_resource() -> None:
    assert refusal({"Effect": "Allow", "NotAction": "s3:Put*", "Resource": "*"}) is None
    assert refusal({"Effect": "Allow", "NotAction": "s3:Get*", "Resource": "*"}) is not None
    assert refusal({"Effect": "Allow", "Action": "*", "NotResource": OBJECT}) is not None
    assert refusal({"Effect": "Allow", "Action": "*", "NotResource": BUCKET}) is None


def test_variables() -> None:
    own = statement(resource="arn:aws:s3:::bucket/${aws:username}/*")
    mine = "arn:aws:s3:::bucket/ann/1"
    assert refusal(own, resource=mine, context={"aws:username": "ann"}) is None
    assert refusal(own, resource=mine, context={"aws:username": "bob"}) is not None
    assert refusal(own, resource=mine) is not None


def test_a_deny_wins_wherever_it_is() -> None:
    no = policy(statement("Deny", "s3:*", "*", Principal="*"))
    yes = statement(action="*", resource="*")
    assert refusal(yes, statement("Deny")) == "with an explicit deny in an identity-based policy"
    assert refusal(yes, at_resource=no) == "with an explicit deny in a resource-based policy"
    boundary = policy(yes, statement("Deny"))
    assert refusal(yes, boundary=boundary) == "with an explicit deny in a permissions boundary"


def test_a_boundary_only_takes_away() -> None:
    boundary = policy(statement(action="s3:PutObject"))
    yes = statement(action="*", resource="*")
    assert refusal(yes, boundary=boundary) == "because no permissions boundary allows the s3:GetObject action"
    assert refusal(boundary=policy(yes)) is not None


@pytest.mark.parametrize(
    ("principal", "means"),
    [
        ("*", True),
        ({"AWS": ROLE}, True),
        ({"AWS": [ROLE + "2", ROLE]}, True),
        ({"Service": ROLE + "2"}, False),
    ],
)
def test_a_resource_s_policy_is_enough_for_whom_it_names(principal: Any, means: bool) -> None:  # noqa: ANN401
    assert (refusal(at_resource=policy(statement(Principal=principal))) is None) == means
    other = {"NotPrincipal": principal, **statement("Deny")}
    denied = refusal(statement(), at_resource=policy(other))
    assert (denied is None) == means


statements = st.builds(
    statement,
    effect=st.sampled_from(["Allow", "Deny"]),
    action=st.sampled_from(["*", "s3:*", "s3:Get*", "s3:GetObject", "s3:PutObject"]),
    resource=st.sampled_from(["*", OBJECT, BUCKET, "arn:aws:s3:::bucket/*"]),
)


@given(st.lists(statements, max_size=6), statements, st.randoms())
def test_laws(given_statements: list[dict[str, Any]], one: dict[str, Any], random: Any) -> None:  # noqa: ANN401
    """Order does not matter; an Allow never takes away, and a Deny never gives."""
    allowed = refusal(*given_statements) is None
    shuffled = list(given_statements)
    random.shuffle(shuffled)
    assert (refusal(*shuffled) is None) == allowed
    with_one = refusal(*given_statements, one) is None
    assert with_one >= allowed if one["Effect"] == "Allow" else with_one <= allowed
    if any(each["Effect"] == "Deny" for each in given_statements) and allowed:
        only_allows = [each for each in given_statements if each["Effect"] == "Allow"]
        assert refusal(*only_allows) is None
