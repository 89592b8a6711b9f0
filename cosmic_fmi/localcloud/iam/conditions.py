"""The Condition element of a policy's statement.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cosmic_fmi.localcloud.iam.matching import arn_like, like

Context = Mapping[str, str | tuple[str, ...]]
"""Condition key → its value in a request, or its values where the key has several."""


class UnknownOperatorError(ValueError):
    """A condition operator that IAM does not have, or that is not emulated."""


def holds(condition: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Whether every operator holds for every one of its keys. Raises UnknownOperatorError."""
    known = {key.lower(): _listed(value) for key, value in context.items()}
    return all(
        _key_holds(operator, known.get(key.lower()), _listed(wanted))
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _key_holds(operator: str, given: list[str] | None, wanted: list[str]) -> bool:
    quantifier, _, plain = operator.rpartition(":")
    if plain == "Null":
        return (given is None) == (wanted[0].lower() == "true")
    optional = plain.endswith("IfExists")
    name = plain.removesuffix("IfExists")
    negated = name in _NEGATED
    compare = _COMPARISONS.get(_NEGATED.get(name, name))
    if compare is None or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise UnknownOperatorError(f"the embedded AWS does not know the condition operator {operator}")

    def one(value: str) -> bool:
        return negated != any(compare(value, each) for each in wanted)

    if quantifier == "ForAllValues":
        return all(map(one, given or []))
    if quantifier == "ForAnyValue":
        return any(map(one, given or []))
    return (negated or optional) if given is None else all(map(one, given))


def _listed(value: Any) -> list[str]:  # noqa: ANN401 - JSON has lists of one without their brackets
    values = value if isinstance(value, list | tuple) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


def _numbers(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda given, wanted: compare(float(given), float(wanted))


def _dates(compare: Callable[[datetime, datetime], bool]) -> Callable[[str, str], bool]:
    return lambda given, wanted: compare(_date(given), _date(wanted))


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _address(given: str, wanted: str) -> bool:
    return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda given, wanted: given == wanted,
    "StringEqualsIgnoreCase": lambda given, wanted: given.lower() == wanted.lower(),
    "StringLike": lambda given, wanted: like(wanted, given),
    "ArnEquals": lambda given, wanted: arn_like(wanted, given),
    "ArnLike": lambda given, wanted: arn_like(wanted, given),
    "Bool": lambda given, wanted: given.lower() == wanted.lower(),
    "IpAddress": _address,
    "NumericEquals": _numbers(lambda given, wanted: given == wanted),
    "NumericLessThan": _numbers(lambda given, wanted: given < wanted),
    "NumericLessThanEquals": _numbers(lambda given, wanted: given <= wanted),
    "NumericGreaterThan": _numbers(lambda given, wanted: given > wanted),
    "NumericGreaterThanEquals": _numbers(lambda given, wanted: given >= wanted),
    "DateEquals": _dates(lambda given, wanted: given == wanted),
    "DateLessThan": _dates(lambda given, wanted: given < wanted),
    "DateLessThanEquals": _dates(lambda given, wanted: given <= wanted),
    "DateGreaterThan": _dates(lambda given, wanted: given > wanted),
    "DateGreaterThanEquals": _dates(lambda given, wanted: given >= wanted),
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}
