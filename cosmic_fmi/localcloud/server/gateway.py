"""The WSGI application in front of moto: Lambda invocations, the daemon's own actions, all else to moto."""

from __future__ import annotations

import base64
import io
import json
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from cosmic_fmi.localcloud.faults.storage import SLOW_DOWN, slows_down
from cosmic_fmi.localcloud.iam.gate import Gate
from cosmic_fmi.localcloud.lambda_.service import LambdaError, LambdaRuntime
from cosmic_fmi.localcloud.limits.check import refusal

_INVOKE = re.compile(r"/2015-03-31/functions/(?P<function>.+)/invocations/?")
_ACCOUNT_SETTINGS = "/2016-08-19/account-settings"
_SYNCHRONOUS_LIMIT = 6 * 1024 * 1024
_ASYNCHRONOUS_LIMIT = 1024 * 1024
# No control request is longer: the longest is a state machine's definition of 1 MiB, escaped.
_LARGEST_CHECKED = 4 * 1024 * 1024
# Calls that may change services, tasks or the targets of their events.
_ECS_CHANGE = re.compile(r"AmazonEC2ContainerService\w*\.(?!Describe|List)|AWSEvents\.Put")
HEALTH = "/_localcloud/health"
_REGION = re.compile(r"Credential=[^/]+/\d+/([^/]+)/")


@dataclass(frozen=True)
class Request:
    """The parts of a request that the daemon's own routes look at."""

    path: str
    headers: dict[str, str]
    body: bytes
    region: str


@dataclass(frozen=True)
class Response:
    """Status, body and headers of an answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, content: dict[str, Any], status: int = 200) -> Response:
        """A JSON answer."""
        return cls(status, json.dumps(content).encode())


_REFUSED = "UnrecognizedClientException"
_REFUSAL = "The access key id is not the embedded AWS's: take it from `cosmic-fmi local status --env`."
_REFUSED_JSON = Response(
    HTTPStatus.FORBIDDEN,
    json.dumps({"__type": _REFUSED, "message": _REFUSAL}).encode(),
    {"x-amzn-ErrorType": _REFUSED},
)
_REFUSED_XML = Response(
    HTTPStatus.FORBIDDEN,
    f"<ErrorResponse><Error><Code>{_REFUSED}</Code><Message>{_REFUSAL}</Message></Error></ErrorResponse>".encode(),
    {"Content-Type": "text/xml"},
)


_SLOW_DOWN = Response(HTTPStatus.SERVICE_UNAVAILABLE, SLOW_DOWN, {"Content-Type": "application/xml"})


class Gateway:
    """Answers what localcloud adds to moto; `actions` are POSTed below /_localcloud/.

    Every request has to be signed with a key that the embedded AWS has given out, and its caller has to have
    the permission; the daemon's own actions want `key`. Other users of this machine, and every page in a
    browser, reach this port too, and a task definition is a command to run.
    """

    def __init__(
        self,
        moto: Callable[..., Iterable[bytes]],
        runtime: LambdaRuntime,
        *,
        instance_id: str,
        key: str,
        actions: dict[str, Callable[..., dict[str, Any]]],
        on_ecs_change: Callable[[], None],
    ) -> None:
        self._moto = moto
        self._runtime = runtime
        self._instance_id = instance_id
        self._key = key
        self._actions = actions
        self._on_ecs_change = on_ecs_change
        self._gate = Gate(runtime.authority)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        if environ["PATH_INFO"].startswith("/_localcloud/"):
            if environ["PATH_INFO"] != HEALTH and not self._signed(environ):
                return _send(_refusal(environ), start_response)
            handler = self._action if environ["REQUEST_METHOD"] == "POST" else self._health
            return _send(handler(_read(environ)), start_response)
        return self._serve(environ, start_response)

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve a request to AWS, once its caller is known and may make it."""
        caller = self._gate.principal(environ)
        if caller is None:
            return _send(_refusal(environ), start_response)
        if slows_down(environ, self._runtime.switches):
            _read(environ)  # all of it, or the client sees a broken connection
            return _send(_SLOW_DOWN, start_response)
        refused = _over_limits(environ)
        if refused is not None:
            return _send(refused, start_response)
        _take_in_form(environ)
        denied = self._gate.refusal(environ, caller)
        if denied is not None:
            return _send(Response(denied.status, denied.body, denied.headers), start_response)
        handler = self._route(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if handler is not None:
            return _send(handler(_read(environ)), start_response)
        moto = self._gate.instead_of(self._moto, environ, caller)
        answer = moto(environ, start_response)
        if _ECS_CHANGE.match(environ.get("HTTP_X_AMZ_TARGET", "")):
            self._on_ecs_change()
        return answer

    def _signed(self, environ: dict[str, Any]) -> bool:
        """Whether one of the daemon's own actions is asked for with its key."""
        return self._key in environ.get("HTTP_AUTHORIZATION", "")

    def _route(self, method: str, path: str) -> Callable[[Request], Response] | None:
        if method == "POST" and _INVOKE.fullmatch(path):
            return self._invoke
        if method == "GET" and path.rstrip("/") == _ACCOUNT_SETTINGS:
            return self._account_settings
        return None

    def _health(self, _: Request) -> Response:
        return Response.of_json({"status": "running", "instance_id": self._instance_id})

    def _action(self, request: Request) -> Response:
        action = self._actions.get(request.path.removeprefix("/_localcloud/"))
        if action is None:
            return Response.of_json({"message": f"no such action; there are {sorted(self._actions)}"}, 404)
        try:
            return Response.of_json(action(**json.loads(request.body or b"{}")))
        except (TypeError, ValueError) as error:
            return Response.of_json({"message": str(error)}, HTTPStatus.BAD_REQUEST)

    def _account_settings(self, _: Request) -> Response:
        limits = self._runtime.limits
        limit = {
            "TotalCodeSize": 80530636800,
            "CodeSizeUnzipped": 262144000,
            "CodeSizeZipped": 52428800,
            "ConcurrentExecutions": limits.concurrency,
            "UnreservedConcurrentExecutions": self._runtime.unreserved_concurrency(),
        }
        return Response.of_json(
            {"AccountLimit": limit, "AccountUsage": {"TotalCodeSize": 0, "FunctionCount": 0}}
        )

    def _invoke(self, request: Request) -> Response:
        match = _INVOKE.fullmatch(request.path)
        function = match["function"] if match else ""
        try:
            return self._invoke_as(
                request.headers.get("x-amz-invocation-type", "RequestResponse"), function, request
            )
        except LambdaError as error:
            return Response(error.status, json.dumps(error.body).encode(), {"x-amzn-ErrorType": error.code})

    def _invoke_as(self, kind: str, function: str, request: Request) -> Response:
        payload = request.body or b"{}"
        _check_payload(payload, _SYNCHRONOUS_LIMIT if kind == "RequestResponse" else _ASYNCHRONOUS_LIMIT)
        if kind == "DryRun":
            self._runtime.find(function, request.region)
            return Response(204, b"")
        if kind == "Event":
            self._runtime.invoke_later(function, request.region, payload)
            return Response(202, b"", {"x-amzn-RequestId": str(uuid.uuid4())})
        context = request.headers.get("x-amz-client-context")
        result = self._runtime.invoke(
            function,
            request.region,
            payload,
            client_context=base64.b64decode(context).decode() if context else None,
        )
        headers = {"x-amzn-RequestId": result.request_id, "X-Amz-Executed-Version": "$LATEST"}
        if result.function_error is not None:
            headers["X-Amz-Function-Error"] = result.function_error
        if request.headers.get("x-amz-log-type") == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(result.log_tail).decode()
        return Response(200, result.payload, headers)


def _check_payload(payload: bytes, limit: int) -> None:
    if len(payload) > limit:
        message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        raise LambdaError(413, "RequestTooLargeException", message, Type="User")
    try:
        json.loads(payload)
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise LambdaError(400, "InvalidRequestContentException", message, Type="User") from error


def _over_limits(environ: dict[str, Any]) -> Response | None:
    """The answer to a request that AWS refuses for what it is given; its body can be read again."""
    length = environ.get("CONTENT_LENGTH")
    body = b""
    if "/s3/aws4_request" not in environ.get("HTTP_AUTHORIZATION", ""):
        # Other services' clients send no chunks, which come without a length.
        if not length or int(length) > _LARGEST_CHECKED or _INVOKE.fullmatch(environ["PATH_INFO"]):
            return None
        body = environ["wsgi.input"].read(int(length))
        environ["wsgi.input"] = io.BytesIO(body)
    found = refusal(environ, body)
    if found is None:
        return None
    headers = {"Content-Type": found.content_type, "x-amzn-ErrorType": found.code}
    return Response(HTTPStatus.BAD_REQUEST, found.body, headers)


def _read(environ: dict[str, Any]) -> Request:
    length = environ.get("CONTENT_LENGTH")
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    region = _REGION.search(headers.get("authorization", ""))
    return Request(
        path=environ["PATH_INFO"],
        headers=headers,
        # Chunked bodies come without a length; werkzeug ends their stream where the body ends.
        body=environ["wsgi.input"].read(int(length)) if length else _read_chunked(environ),
        region=region[1] if region else "us-east-1",
    )


def _take_in_form(environ: dict[str, Any]) -> None:
    """Read a form's whole body. moto would, under a lock that every request needs: then one client that sends
    half a body and no more, as `curl -d` to a presigned URL may, would keep everybody else waiting.
    """
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length:
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))


def _read_chunked(environ: dict[str, Any]) -> bytes:
    body: bytes = environ["wsgi.input"].read() if environ.get("wsgi.input_terminated") else b""
    return body


def _refusal(environ: dict[str, Any]) -> Response:
    """In the format that the client of the service reads."""
    speaks_json = "HTTP_X_AMZ_TARGET" in environ or "/lambda/" in environ.get("HTTP_AUTHORIZATION", "")
    return _REFUSED_JSON if speaks_json else _REFUSED_XML


def _send(response: Response, start_response: Callable[..., Any]) -> Iterable[bytes]:
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(response.body)),
        **response.headers,
    }
    start_response(f"{response.status} {HTTPStatus(response.status).phrase}", list(headers.items()))
    return [response.body]
