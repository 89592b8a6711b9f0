"""awslambdaric's C module `runtime_client` in pure Python, for systems that have no build of it (macOS).

Same functions, same results; cosmic_fmi.localcloud.inside.bootstrap puts it in the place of the missing
module.
"""

from __future__ import annotations

import http.client
import json
import os

_RUNTIME = "/2018-06-01/runtime"
_PREFIX = f"{_RUNTIME}/invocation"
_DEADLINE = "Lambda-Runtime-Deadline-Ms"
_agent = ""


def initialize_client(user_agent: str) -> None:
    """Remember what to call ourselves."""
    global _agent  # noqa: PLW0603 - the C module keeps it in a global too
    _agent = user_agent


def next() -> tuple[bytes, dict[str, str | int]]:  # noqa: A001 - awslambdaric calls it so
    """Wait for an invocation: its payload and the headers that describe it, the deadline as a number."""
    status, body, headers = _request("GET", f"{_PREFIX}/next")
    if status != http.HTTPStatus.OK:
        raise RuntimeError(f"Failed to get next invocation: status {status}")
    return body, {**headers, _DEADLINE: int(headers[_DEADLINE])}


def post_invocation_result(
    invoke_id: str,
    response_data: bytes,
    content_type: str = "application/json",
    invocation_id: str | None = None,  # noqa: ARG001 - of no use with one invocation at a time
) -> None:
    """Hand in what the handler returned."""
    _post(f"{_PREFIX}/{invoke_id}/response", response_data, {"Content-Type": content_type})


def post_error(
    invoke_id: str,
    error_response_data: str,
    xray_fault: str,  # noqa: ARG001 - there is no X-Ray here
    invocation_id: str | None = None,  # noqa: ARG001
) -> None:
    """Hand in the error that the handler raised."""
    _post(f"{_PREFIX}/{invoke_id}/error", error_response_data.encode(), {"Content-Type": "application/json"})


def post_init_error(error_response_data: dict[str, object], error_type_override: str | None = None) -> None:
    """Hand in why the handler could not be loaded; awslambdaric's own way takes no path in the address."""
    kind = error_type_override or str(error_response_data["errorType"])
    headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": kind}
    _post(f"{_RUNTIME}/init/error", json.dumps(error_response_data).encode(), headers)


def _post(path: str, body: bytes, headers: dict[str, str]) -> None:
    status, _, _ = _request("POST", path, body, headers)
    if status != http.HTTPStatus.ACCEPTED:
        raise RuntimeError(f"Failed to post the result of an invocation: status {status}")


def _request(
    method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    # As the C module does, which puts the path behind what it finds: host:port, or host:port/segment.
    address, separator, segment = os.environ["AWS_LAMBDA_RUNTIME_API"].partition("/")
    connection = http.client.HTTPConnection(address)
    try:
        connection.request(
            method, f"{separator}{segment}{path}", body, {"User-Agent": _agent, **(headers or {})}
        )
        response = connection.getresponse()
        return response.status, response.read(), dict(response.getheaders())
    finally:
        connection.close()
