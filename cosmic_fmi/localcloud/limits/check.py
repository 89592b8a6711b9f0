"""The refusal that a request gets because of what it is given, as AWS words it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from cosmic_fmi.common.lambda_limits import LARGEST_MB, LONGEST_RUN_S
from cosmic_fmi.localcloud.limits import names
from cosmic_fmi.localcloud.limits.requests import Call, read
from cosmic_fmi.localcloud.limits.shapes import complaints

_CODES = {"iam": "ValidationError", "logs": "InvalidParameterException"}
_CREATE_BUCKET = re.compile(r"/([^/]+)/?")


class Refusal(NamedTuple):
    """An answer with status 400: the error's code, and the body in the service's format."""

    code: str
    body: bytes
    content_type: str


def refusal(environ: Mapping[str, Any], body: bytes) -> Refusal | None:
    """Why AWS would refuse this request (of WSGI), as far as its limits go; None if it would not."""
    bucket = _bucket_to_create(environ)
    if bucket is not None:
        return None if names.is_bucket_name(bucket) else _invalid_bucket(bucket)
    call = read(environ, body)
    if call is None:
        return None
    found = [*complaints(call.operation.input_shape, call.parameters), *_beyond_the_model(call)]
    found = list(dict.fromkeys(found))  # a newer model may have them, too
    if found:
        count = f"{len(found)} validation error{'s' * (len(found) > 1)} detected: "
        return _refusal(call, _CODES.get(call.service, "ValidationException"), count + "; ".join(found))
    return _by_names(call)


def _by_names(call: Call) -> Refusal | None:
    given = call.parameters
    if call.service == "stepfunctions" and call.operation.name in ("CreateStateMachine", "StartExecution"):
        name = str(given.get("name") or "")
        return (
            None if names.is_states_name(name) else _refusal(call, "InvalidName", f"Invalid Name: '{name}'")
        )
    if call.service == "lambda" and isinstance(given.get("Environment"), dict):
        complaint = names.environment_complaint(given["Environment"].get("Variables") or {})
        return _refusal(call, "InvalidParameterValueException", complaint) if complaint else None
    return None


def _beyond_the_model(call: Call) -> list[str]:
    """A function's limits that the model does not have."""
    if call.service != "lambda":
        return []
    given = call.parameters
    found: list[tuple[str, str | int, str, int, int]] = []
    name = str(given.get("FunctionName") or "")
    if call.operation.name == "CreateFunction" and ":" not in name:
        found.append(("functionName", name, "length", len(name), names.FUNCTION_NAME_LETTERS))
    for key, most in (("Timeout", LONGEST_RUN_S), ("MemorySize", LARGEST_MB)):
        value = given.get(key)
        if isinstance(value, int):
            found.append((f"{key[0].lower()}{key[1:]}", value, "value", value, most))
    return [
        f"Value '{value}' at '{key}' failed to satisfy constraint: "
        f"Member must have {what} less than or equal to {most}"
        for key, value, what, size, most in found
        if size > most
    ]


def _bucket_to_create(environ: Mapping[str, Any]) -> str | None:
    is_put = environ["REQUEST_METHOD"] == "PUT" and not environ.get("QUERY_STRING")
    if not is_put or "/s3/aws4_request" not in environ.get("HTTP_AUTHORIZATION", ""):
        return None
    found = _CREATE_BUCKET.fullmatch(environ["PATH_INFO"])
    return found[1] if found else None


def _refusal(call: Call, code: str, message: str) -> Refusal:
    if call.service == "iam":
        text = (
            '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>'
            f"<Code>{code}</Code><Message>{escape(message)}</Message></Error></ErrorResponse>"
        )
        return Refusal(code, text.encode(), "text/xml")
    content = {"__type": code, "message": message}
    return Refusal(code, json.dumps(content).encode(), "application/x-amz-json-1.1")


def _invalid_bucket(name: str) -> Refusal:
    text = (
        "<Error><Code>InvalidBucketName</Code><Message>The specified bucket is not valid.</Message>"
        f"<BucketName>{escape(name)}</BucketName></Error>"
    )
    return Refusal("InvalidBucketName", text.encode(), "application/xml")
