"""Which operation of which service a request asks for, in every protocol of AWS."""

from __future__ import annotations

import io
import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from botocore.parsers import BaseCBORParser
from moto.core.utils import get_service_model

# Services whose operations are named by method and path, by the name that they are signed with.
_REST = {"s3": "s3", "lambda": "lambda", "route53": "route53"}
_CREDENTIAL = re.compile(r"Credential=([^,\s&]+)")
_CBOR_PATH = re.compile(r"/service/[^/]+/operation/(?P<operation>\w+)/?")
_PLACEHOLDER = re.compile(r"\{(\w+)(\+?)\}")
# Of these operations the body says what they are about; other bodies of REST services are data.
_READ_BODIES = {("s3", "DeleteObjects"), ("route53", "ChangeResourceRecordSets")}


class UnknownOperationError(Exception):
    """No operation of AWS's models fits the request."""


@dataclass(frozen=True)
class Credential:
    """Who signed a request, and for which service of which region."""

    access_key: str
    region: str
    service: str


@dataclass(frozen=True)
class Call:
    """One operation with its parameters, as far as permissions depend on them."""

    service: str
    operation: str
    region: str
    protocol: str
    """json, cbor, query, ec2, rest-json or rest-xml."""
    parameters: Mapping[str, Any] = field(default_factory=dict)


def credential_of(environ: Mapping[str, Any]) -> Credential | None:
    """From the header, or from the query of a presigned URL; None for a request that is not signed."""
    found = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if found is None:
        query = urllib.parse.unquote(environ.get("QUERY_STRING", ""))
        # S3's presigned URLs of the older kind name a key only.
        if (older := re.search(r"AWSAccessKeyId=([^&]+)", query)) is not None:
            return Credential(older[1], "us-east-1", "s3")
        found = re.search(r"X-Amz-Credential=([^&]+)", query)
    parts = found[1].split("/") if found else []
    # Key, date, region, service and the word aws4_request.
    return Credential(parts[0], parts[2], parts[3]) if len(parts) == 5 else None


def call_of(environ: dict[str, Any], credential: Credential) -> Call:
    """Read a request; a body that is read here is put back. Raises UnknownOperationError."""
    service, region = credential.service, credential.region
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return Call(service, target.rpartition(".")[2], region, "json", _json(_body(environ)))
    if (found := _CBOR_PATH.fullmatch(environ["PATH_INFO"])) is not None:
        return Call(service, found["operation"], region, "cbor", _cbor(_body(environ)))
    if service in _REST:
        return _rest_call(environ, service, region)
    parameters = _form(_body(environ) or environ.get("QUERY_STRING", "").encode())
    if "Action" not in parameters:
        raise UnknownOperationError(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} of {service}")
    return Call(service, parameters["Action"], region, "ec2" if service == "ec2" else "query", parameters)


def _rest_call(environ: dict[str, Any], service: str, region: str) -> Call:
    path = environ["PATH_INFO"].encode("latin-1").decode()
    query = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    for route in _routes(service, environ["REQUEST_METHOD"]):
        if (found := route.match(path, query)) is not None:
            break
    else:
        raise UnknownOperationError(f"{environ['REQUEST_METHOD']} {path} of {service}")
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_X_AMZ_")
    }
    operation = _with_source(route.operation, headers) if service == "s3" else route.operation
    parameters: dict[str, Any] = {**query, **headers, **found}
    if (service, operation) in _READ_BODIES:
        parameters["body"] = _body(environ).decode()
    elif service == "lambda" and operation in ("CreateFunction", "UpdateFunctionConfiguration"):
        parameters |= _json(_body(environ))
    return Call(service, operation, region, "rest-json" if service == "lambda" else "rest-xml", parameters)


def _with_source(operation: str, headers: Mapping[str, str]) -> str:
    """S3 tells a copy from an upload by a header alone."""
    if "x-amz-copy-source" not in headers:
        return operation
    return {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}.get(operation, operation)


@dataclass(frozen=True)
class _Route:
    operation: str
    method: str
    path: re.Pattern[str]
    query: tuple[tuple[str, str | None], ...]
    """Names that have to be in the query, with their value where it matters."""

    def match(self, path: str, query: Mapping[str, str]) -> dict[str, str] | None:
        if not all(name in query and value in (None, query[name]) for name, value in self.query):
            return None
        found = self.path.fullmatch(path)
        return found.groupdict() if found else None


@cache
def _routes(service: str, method: str) -> list[_Route]:
    """Those of a method that ask for most first: a bucket's policy is also a GET of the bucket."""
    model = get_service_model(_REST[service])
    routes = [_route(model.operation_model(name)) for name in model.operation_names]
    copies = {"CopyObject", "UploadPartCopy"}
    return sorted(
        (one for one in routes if one.method == method and one.operation not in copies),
        key=lambda one: (-len(one.query), -one.path.pattern.count("/"), len(one.path.groupindex)),
    )


def _route(operation: Any) -> _Route:  # noqa: ANN401 - of moto, which is not typed
    path, _, query = operation.http["requestUri"].partition("?")
    pattern = _PLACEHOLDER.sub(
        lambda found: f"(?P<{found[1]}>.+)" if found[2] else f"(?P<{found[1]}>[^/]+)",
        path.replace(".", r"\."),
    )
    wanted = [
        (name, value or None) for name, _, value in (one.partition("=") for one in query.split("&") if one)
    ]
    # Parts of an upload are told from whole objects by parameters that the path does not show.
    shape = operation.input_shape
    bound = (
        {} if shape is None else {name: shape.members[name].serialization for name in shape.required_members}
    )
    wanted += [(place["name"], None) for place in bound.values() if place.get("location") == "querystring"]
    return _Route(
        operation.name, operation.http["method"], re.compile(f"{pattern.rstrip('/')}/?"), tuple(wanted)
    )


def _body(environ: dict[str, Any]) -> bytes:
    length = environ.get("CONTENT_LENGTH")
    # Chunked bodies come without a length; werkzeug ends their stream where the body ends.
    ends = bool(environ.get("wsgi.input_terminated"))
    content: bytes = (
        environ["wsgi.input"].read(int(length)) if length else environ["wsgi.input"].read() if ends else b""
    )
    replace_body(environ, content)
    return content


def replace_body(environ: dict[str, Any], content: bytes) -> None:
    """Give the next reader this body."""
    environ["wsgi.input"] = io.BytesIO(content)
    environ["CONTENT_LENGTH"] = str(len(content))
    environ.pop("HTTP_TRANSFER_ENCODING", None)


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}  # the service says what is wrong with it
    return found if isinstance(found, dict) else {}


def _cbor(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    found = BaseCBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body)))
    return found if isinstance(found, dict) else {}


def _form(body: bytes) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
