"""The memory size of the execute function, set while an experiment lasts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError

from cosmic_fmi.common.checkout import DEPLOY
from cosmic_fmi.experiment.aws.executions import running
from cosmic_fmi.experiment.cost.bill import FREE_EPHEMERAL_MB
from cosmic_fmi.experiment.errors import TargetError
from cosmic_fmi.experiment.targets.base import Target
from cosmic_fmi.experiment.targets.deployment import Deployment

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef


class FunctionMemory:
    """The memory size of the execute function while an experiment lasts; a context manager that restores it.

    Setting it on the function is the one way that works on both targets. It is compared with the
    deployment's own value before each run, so a size left behind by a run that was killed does not survive
    the next one. It is never changed below an execution of somebody else's, whose ranks would start with it.
    """

    def __init__(self, target: Target, deployment: Deployment, notify: Callable[[str], None]) -> None:
        self._client = target.clients.functions
        self._sfn = target.clients.stepfunctions
        self._poll_s = target.poll_s
        self._machine = deployment.state_machine_arn
        self._function = deployment.functions["execute"]
        self._default = deployment.executor_memory_mb
        self._notify = notify

    def __enter__(self) -> FunctionMemory:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            # Whoever runs something at this moment has chosen the size, and puts it back.
            if not running(self._sfn, self._machine):
                self.set(None)
        except self._client.exceptions.ResourceNotFoundException:
            pass  # the deployment was taken down meanwhile
        except (ClientError, WaiterError) as error:
            raise TargetError(
                f"the memory of {self._function} could not be put back to {self._default} MB ({error}): the "
                f"next experiment does it, or `{DEPLOY}`"
            ) from error

    def set(self, memory_mb: int | None) -> tuple[int, int]:
        """Make the function's memory ``memory_mb`` (None: the deployment's), as soon as no execution runs
        with another. Returns its memory and storage in MB.
        """
        wanted = memory_mb or self._default
        found = self._free_to_set(wanted)
        if found["MemorySize"] != wanted:
            if found.get("LastUpdateStatus") == "InProgress":  # or this change would be refused
                self._client.get_waiter("function_updated_v2").wait(FunctionName=self._function)
            self._client.update_function_configuration(FunctionName=self._function, MemorySize=wanted)
            self._client.get_waiter("function_updated_v2").wait(FunctionName=self._function)
        return wanted, found.get("EphemeralStorage", {}).get("Size", FREE_EPHEMERAL_MB)

    def _free_to_set(self, wanted: int) -> FunctionConfigurationResponseTypeDef:
        """The function's configuration, once nothing runs with another memory size than ``wanted``."""
        notified = False
        while True:
            found = self._client.get_function_configuration(FunctionName=self._function)
            if found["MemorySize"] == wanted or not (others := running(self._sfn, self._machine)):
                return found
            if not notified:
                name = others[0].rpartition(":")[2]
                self._notify(f"Waiting for {name}, which runs with {found['MemorySize']} MB of memory ...")
                notified = True
            time.sleep(self._poll_s)


def storage_mb(target: Target, deployment: Deployment) -> int:
    """MB (2^20 bytes) of a rank's /tmp."""
    found = target.clients.functions.get_function_configuration(FunctionName=deployment.functions["execute"])
    return found.get("EphemeralStorage", {}).get("Size", FREE_EPHEMERAL_MB)
