"""Which operation of which service a request calls, and its parameters, by botocore's models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import botocore.session
from botocore.model import OperationModel, ServiceModel

# What projects name and fill in; other services' names come from these.
_BY_TARGET = {"AWSStepFunctions": "stepfunctions", "Logs_20140328": "logs", "AWSEvents": "events"}
_PLACEHOLDER = re.compile(r"\\\{(\w+)(\\\+)?\\\}")


class Call(NamedTuple):
    """One call: `parameters` are named as on the wire."""

    service: str
    operation: OperationModel
    parameters: dict[str, Any]


def read(environ: Mapping[str, Any], body: bytes) -> Call | None:
    """The call that a request (of WSGI) makes; None for services and operations that are not looked at."""
    target, _, name = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
    signature = environ.get("HTTP_AUTHORIZATION", "")
    if target:
        service = _BY_TARGET.get(target)
        return _json_call(service, name, body) if service else None
    if "/iam/aws4_request" in signature:
        return _query_call("iam", body)
    if "/lambda/aws4_request" in signature:
        return _rest_call("lambda", environ["REQUEST_METHOD"], environ["PATH_INFO"], body)
    return None


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def _json_call(service: str, name: str, body: bytes) -> Call | None:
    model = _model(service)
    content = _object(body)
    known = name in model.operation_names and content is not None
    return Call(service, model.operation_model(name), content or {}) if known else None


def _query_call(service: str, body: bytes) -> Call | None:
    given = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    model, name = _model(service), given.get("Action", "")
    return Call(service, model.operation_model(name), given) if name in model.operation_names else None


def _rest_call(service: str, method: str, path: str, body: bytes) -> Call | None:
    for wanted, pattern, name in _routes(service):
        found = pattern.fullmatch(path) if wanted == method else None
        if found:
            uri = {each: unquote(value) for each, value in found.groupdict().items()}
            content = _object(body) if body else {}
            return (
                None
                if content is None
                else Call(service, _model(service).operation_model(name), content | uri)
            )
    return None


@cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    """(method, pattern of the path, operation); Invoke has checks of its own."""
    found = []
    for name in _model(service).operation_names:
        http = _model(service).operation_model(name).http
        path = re.escape(http["requestUri"].partition("?")[0].rstrip("/"))
        pattern = _PLACEHOLDER.sub(
            lambda match: f"(?P<{match[1]}>.+)" if match[2] else f"(?P<{match[1]}>[^/]+)", path
        )
        if not name.startswith("Invoke"):
            found.append((http["method"], re.compile(f"{pattern}/?"), name))
    return found


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
