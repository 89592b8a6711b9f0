"""Whether the deployment's functions can run; those that idle weeks put to sleep are woken.

Lambda takes the resources of a function away that was not invoked for weeks (state ``Inactive``). The next
invocation fails and has them made again, which takes 40 to 106 s for an image; after an update it is the same
(``Pending``).

Source: https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cosmic_fmi.common.checkout import DEPLOY
from cosmic_fmi.experiment.errors import PreflightError

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef

    from cosmic_fmi.experiment.aws.clients import Clients
    from cosmic_fmi.experiment.targets.deployment import Deployment

WAKING_S = 300.0
"""How long functions may take to wake up."""
_SAID_EVERY_S = 15.0


def check_functions(
    clients: Clients, deployment: Deployment, notify: Callable[[str], None], poll_s: float = 2.0
) -> str:
    """The functions in words, once all of them can be invoked; ``notify`` is told what is waited for.

    Raises :class:`PreflightError` for a function that is gone, of another architecture or broken, and for one
    that does not wake up.
    """
    asleep = [name for name in deployment.functions.values() if not _ready(clients, deployment, name)]
    for name in asleep:
        _wake(clients, name)
    started = time.monotonic()
    said = started - _SAID_EVERY_S
    while asleep := [name for name in asleep if not _ready(clients, deployment, name)]:
        now = time.monotonic()
        if now - started > WAKING_S:
            raise PreflightError(
                f"{', '.join(asleep)} did not wake up within {WAKING_S:.0f} s: try again in some minutes, "
                f"and run `{DEPLOY}` if that does not help."
            )
        if now - said >= _SAID_EVERY_S:
            said = now
            notify(f"  Waiting for {', '.join(asleep)} to wake up, {now - started:.0f} s of about 100 ...")
        time.sleep(poll_s)
    return f"{len(deployment.functions)} functions, {deployment.architecture}"


def _ready(clients: Clients, deployment: Deployment, name: str) -> bool:
    """Whether a function can be invoked now; False for one that is about to be able to."""
    found = _configuration(clients, name)
    architecture = deployment.architecture
    if architecture not in found.get("Architectures", ["x86_64"]):
        raise PreflightError(f"the function {name} is not of architecture {architecture}: run `{DEPLOY}`.")
    state, update = found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")
    if state == "Failed" or update == "Failed":
        reason = found.get("StateReason") or found.get("LastUpdateStatusReason")
        raise PreflightError(f"the function {name} cannot run ({reason}): run `{DEPLOY}`.")
    return state == "Active" and update != "InProgress"


def _configuration(clients: Clients, name: str) -> FunctionConfigurationResponseTypeDef:
    try:
        return clients.functions.get_function_configuration(FunctionName=name)
    except clients.functions.exceptions.ResourceNotFoundException as error:
        raise PreflightError(f"the function {name} is gone: run `{DEPLOY}`.") from error


def _wake(clients: Clients, name: str) -> None:
    """Invoke a function that is Inactive, which fails and wakes it; nothing else does."""
    if _configuration(clients, name).get("State") != "Inactive":
        return
    try:
        clients.functions.invoke(FunctionName=name, Payload=b"{}")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("AccessDeniedException", "AccessDenied"):
            raise PreflightError(
                f"{name} is asleep after idle weeks and your role may not invoke it: let it, or start one "
                "execution in the console, wait two minutes and try again."
            ) from error
