"""A refusal as each protocol of AWS says it."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from cosmic_fmi.localcloud.iam.calls import Call


@dataclass(frozen=True)
class Refusal:
    """Status, headers and body of an answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def access_denied(call: Call, message: str, method: str = "GET") -> Refusal:
    """AWS's answer to who may not do what was asked."""
    if call.service == "ec2":
        return _ec2("UnauthorizedOperation", f"You are not authorized to perform this operation. {message}")
    if call.protocol == "json":
        return _json(400, "AccessDeniedException", message)
    if call.protocol == "cbor":
        return _cbor("AccessDeniedException", message)
    if call.protocol == "rest-json":
        return _json(403, "AccessDeniedException", message, name="Message")
    if call.service == "s3":
        return _s3(message, method)
    return _query(message)


def _json(status: int, code: str, message: str, name: str = "message") -> Refusal:
    body = {"__type": code, name: message}
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": code}
    return Refusal(status, json.dumps(body).encode(), headers)


def _s3(message: str, method: str) -> Refusal:
    request = uuid.uuid4().hex[:16].upper()
    headers = {"Content-Type": "application/xml", "x-amz-request-id": request}
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>'
        f"<Message>{escape(message)}</Message><RequestId>{request}</RequestId></Error>"
    )
    # Who asked for headers only learns the status, and no more.
    return Refusal(403, b"" if method == "HEAD" else body.encode(), headers)


def _query(message: str) -> Refusal:
    body = (
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
        f"<Message>{escape(message)}</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    )
    return Refusal(403, body.encode(), {"Content-Type": "text/xml"})


def _ec2(code: str, message: str) -> Refusal:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
        f"<Code>{code}</Code><Message>{escape(message)}</Message></Error></Errors>"
        f"<RequestID>{uuid.uuid4()}</RequestID></Response>"
    )
    return Refusal(403, body.encode(), {"Content-Type": "text/xml"})


def _cbor(code: str, message: str) -> Refusal:
    def text(value: str) -> bytes:
        content = value.encode()
        return b"\x7a" + len(content).to_bytes(4, "big") + content

    # A map of two texts.
    body = b"\xa2" + text("__type") + text(code) + text("message") + text(message)
    return Refusal(400, body, {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"})
