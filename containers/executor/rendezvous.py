"""Where the ranks meet: the address of the rendezvous server, once it answers."""

from __future__ import annotations

import socket
import time

from containers.executor.clients import ssm

PENDING = "pending"
"""The parameter's value while no rendezvous task is up."""


class RendezvousError(RuntimeError):
    """The rendezvous server has no address or does not answer. The message says what to look at."""


def wait_for_server(parameter: str, wait_s: float, poll_s: float = 1.0) -> tuple[str, int]:
    """Return (host, port) of the rendezvous server as soon as it accepts a TCP connection.

    ``parameter`` names the SSM parameter that publish_address keeps. The address is read again on every poll:
    a task that is being replaced comes back under another one. Raises :class:`RendezvousError` after
    ``wait_s`` seconds.
    """
    deadline = time.monotonic() + wait_s
    while True:
        address = ssm().get_parameter(Name=parameter)["Parameter"]["Value"]
        if address != PENDING:
            host, _, port = address.rpartition(":")
            if _answers(host, int(port)):
                return host, int(port)
        if time.monotonic() + poll_s > deadline:
            raise RendezvousError(_advice(parameter, address, wait_s))
        time.sleep(poll_s)


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=3):
            return True
    except OSError:
        return False


def _advice(parameter: str, address: str, wait_s: float) -> str:
    if address == PENDING:
        return (
            f"The rendezvous server has no address after {wait_s:.0f} s "
            f"(parameter {parameter} is {PENDING!r}): "
            "see whether the ECS service runs a task and what its log says."
        )
    return (
        f"The rendezvous server at {address} did not answer within {wait_s:.0f} s: "
        "see whether its task is healthy and its security group lets the port in."
    )
