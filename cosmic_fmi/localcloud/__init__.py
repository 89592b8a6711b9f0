"""The embedded AWS: moto's control plane, a Lambda runtime and a stand-in for Fargate in one daemon process.

    with EmbeddedAWS(state_dir=Path(".local"), code_root=Path.cwd()) as cloud:
        boto3.client("s3", endpoint_url=cloud.endpoint_url)

Functions and tasks run as processes of this machine; nothing leaves it.

    client.py         starts, finds and stops the daemon: the side that other programs import
    server/           the daemon and its HTTP server
    moto_patches/     what moto lacks or gets wrong
    fargate/          tasks of ECS
    lambda_/          functions and their environments
    iam/              who may do what
    sandbox/          processes and containers that functions and tasks run in
    limits/                       what AWS refuses, and moto takes
    faults/                       what only time brings, on purpose
    inside/   moto/   insights/   in a function's own process; moto's models; queries of CloudWatch Logs
    state.py   locks.py           how other processes find the daemon

Imports go downwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosmic_fmi.localcloud.client import EmbeddedAWS, StartError

__all__ = ["EmbeddedAWS", "StartError"]


def __getattr__(name: str) -> object:
    """Import the client side when it is asked for: every function's cold start imports this package."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cosmic_fmi.localcloud import client as embedded  # noqa: PLC0415

    return getattr(embedded, name)
