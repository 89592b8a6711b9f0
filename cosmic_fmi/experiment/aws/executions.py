"""Running executions of a deployment, whoever started them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_boto3_stepfunctions.client import SFNClient


def running(client: SFNClient, state_machine: str) -> list[str]:
    """ARNs of the running executions of this state machine; none where it no longer exists."""
    pages = client.get_paginator("list_executions").paginate(
        stateMachineArn=state_machine, statusFilter="RUNNING"
    )
    try:
        return [item["executionArn"] for page in pages for item in page["executions"]]
    except client.exceptions.StateMachineDoesNotExist:
        return []


def stop_running(client: SFNClient, state_machine: str, notify: Callable[[str], None]) -> None:
    """Stop running executions before the deployment is destroyed; ``notify`` gets a line for each.

    Ranks that Lambda runs already end by themselves, within their time limit: no call ends them.
    """
    try:
        for arn in running(client, state_machine):
            notify(f"Stopping the execution {arn.rpartition(':')[2]} ...")
            client.stop_execution(executionArn=arn, error="Destroyed", cause="its deployment was taken down")
    except (
        BotoCoreError,
        ClientError,
    ) as error:  # it must not keep a deployment alive
        notify(f"Executions that run could not all be stopped, stop them in AWS's console: {error}")
