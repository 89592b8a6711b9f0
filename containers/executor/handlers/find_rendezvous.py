"""Find the rendezvous server for an execution, and start one where there is none.

One look a call: the state machine calls again until there is an address (statemachine.asl.json has the pauses
and the limit), so that nobody pays for a function that waits.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from containers.executor.rendezvous import PENDING, published_address, scale_service
from fmi.protocol.tcpunch import (
    FLAG_NOTIFY,
    V2_RESPONSE_BYTES,
    WireError,
    decode_v2_response,
    encode_v2_request,
)

if TYPE_CHECKING:
    from awslambdaric.lambda_context import LambdaContext

log = logging.getLogger(__name__)

PROBE_S = 3.0
_PROBE = encode_v2_request(b"is anybody there", flags=FLAG_NOTIFY)


class RendezvousAway(RuntimeError):  # noqa: N818  the name that the state machine retries
    """No rendezvous server answers yet. The message says what to look at should it stay so."""


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Return ``host`` and ``port`` of a rendezvous server that has just answered.

    Raises :class:`RendezvousAway` while there is none, after asking ECS for one. It asks every time: a server
    that went idle in the same moment may have taken an earlier request back. With ``only_look`` in the event
    it does not ask, for those who only want to know.
    """
    address = published_address()
    if address != PENDING:
        host, _, port = address.rpartition(":")
        if answers(host, int(port)):
            log.info("the rendezvous server at %s answers", address)
            return {"host": host, "port": int(port)}
    if not event.get("only_look"):
        scale_service(1)
    raise RendezvousAway(_advice(address))


def answers(host: str, port: int) -> bool:
    """Whether a rendezvous server, not just anything that listens, answers there within three seconds.

    The probe is a request like any other, so it also keeps a server from exiting as idle.
    """
    try:
        with socket.create_connection((host, port), timeout=PROBE_S) as connection:
            connection.sendall(_PROBE)
            decode_v2_response(connection.recv(V2_RESPONSE_BYTES, socket.MSG_WAITALL))
    except (OSError, WireError):
        return False
    return True


def _advice(address: str) -> str:
    if address == PENDING:
        return (
            "The rendezvous server did not start in time: see in ECS why the service's task does not run "
            "(its events and stopped tasks), and what its log says."
        )
    return (
        f"The rendezvous server at {address} does not answer: "
        "see whether its task is healthy and its security group lets the port in."
    )
