"""A target with nothing behind it: its clients answer what a test put there, and keep what was asked."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console

from cosmic_fmi.experiment.packages.platform import FunctionPlatform, of_image
from cosmic_fmi.experiment.targets.deployment import Deployment
from cosmic_fmi.experiment.ui.console import Reporter

STARTED = datetime(2026, 11, 21, 10, tzinfo=UTC)
DEPLOYMENT = Deployment(
    bucket="state",
    state_machine_arn="arn:aws:states:us-east-1:1:stateMachine:m",
    functions={"initialize": "i", "execute": "e", "summarize": "s"},
    log_groups={"initialize": "/i", "execute": "/e", "summarize": "/s"},
    region="us-east-1",
    architecture="x86_64",
    executor_memory_mb=3008,
    images={},
    rendezvous={},
)


class Pages:
    """A paginator of one page."""

    def __init__(self, page: Callable[..., dict[str, Any]]) -> None:
        self._page = page

    def paginate(self, **arguments: object) -> list[dict[str, Any]]:
        return [self._page(**arguments)]


class StepFunctions:
    """Describes an execution as each of ``states`` in turn; an exception among them is raised."""

    class exceptions:  # noqa: N801 - boto3's name
        class StateMachineDoesNotExist(Exception):  # noqa: N818 - boto3's name
            pass

    def __init__(self, states: list[dict[str, Any] | BaseException]) -> None:
        self.states = states
        self.map_runs: list[dict[str, int]] = []
        """Item counts of the Map; none while it has not started."""
        self.events: list[dict[str, Any]] = []
        """The history of every execution."""
        self.started: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.running: list[list[str]] = []
        """ARNs of what others run, at each look in turn; nothing after the last."""

    def start_execution(self, **arguments: object) -> None:
        self.started.append(dict(arguments))

    def stop_execution(self, **arguments: object) -> None:
        self.stopped.append(str(arguments["executionArn"]))

    def describe_execution(self, **_: object) -> dict[str, Any]:
        state = self.states.pop(0)
        if isinstance(state, BaseException):
            raise state
        stop = {} if state["status"] == "RUNNING" else {"stopDate": STARTED + timedelta(seconds=5)}
        return {"startDate": STARTED, **stop, **state}

    def list_map_runs(self, **_: object) -> dict[str, Any]:
        runs = [{"mapRunArn": str(index), "startDate": index} for index in range(len(self.map_runs))]
        return {"mapRuns": runs}

    def describe_map_run(self, **arguments: object) -> dict[str, Any]:
        return {"itemCounts": self.map_runs[int(str(arguments["mapRunArn"]))]}

    def get_paginator(self, name: str, /) -> Pages:
        return Pages(self._running if name == "list_executions" else lambda **_: {"events": self.events})

    def _running(self, **_: object) -> dict[str, Any]:
        return {"executions": [{"executionArn": arn} for arn in (self.running or [[]]).pop(0)]}


class S3:
    """A bucket's objects by key."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects = objects or {}
        self.written: dict[str, datetime] = {}

    def get_paginator(self, _: str) -> Pages:
        return Pages(self._list)

    def get_object(self, **arguments: object) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[str(arguments["Key"])])}

    def put_json(self, key: str, value: object) -> None:
        self.objects[key] = json.dumps(value).encode()

    def age(self, key: str) -> None:
        """Have an object be older than what runs."""
        self.written[key] = STARTED - timedelta(hours=1)

    def _list(self, **arguments: object) -> dict[str, Any]:
        keys = [key for key in sorted(self.objects) if key.startswith(str(arguments["Prefix"]))]
        contents = [{"Key": key, "LastModified": self.written.get(key, STARTED)} for key in keys]
        return {"KeyCount": len(keys), "Contents": contents}


class Functions:
    """The configuration of one function."""

    class exceptions:  # noqa: N801 - boto3's name
        class ResourceNotFoundException(Exception):  # noqa: N818 - boto3's name
            pass

    def __init__(self, memory_mb: int = 3008) -> None:
        self.memory_mb = memory_mb
        self.updates: list[int] = []

    def get_function_configuration(self, **_: object) -> dict[str, Any]:
        return {"MemorySize": self.memory_mb, "EphemeralStorage": {"Size": 2048}}

    def update_function_configuration(self, **arguments: Any) -> None:  # noqa: ANN401 - as boto3 takes them
        self.memory_mb = arguments["MemorySize"]
        self.updates.append(self.memory_mb)

    def get_waiter(self, _: str) -> Functions:
        return self

    def wait(self, **_: object) -> None:
        """Nothing takes time here."""


class Logs:
    """Events by log group."""

    class exceptions:  # noqa: N801 - boto3's name
        class ResourceNotFoundException(Exception):  # noqa: N818 - boto3's name
            pass

    def __init__(self, events: dict[str, list[dict[str, Any]]] | None = None) -> None:
        self.events = events or {}

    def get_paginator(self, _: str) -> Pages:
        return Pages(lambda **arguments: {"events": self.events.get(arguments["logGroupName"], [])})


class FakeClients:
    """All four clients."""

    def __init__(self) -> None:
        self.s3 = S3()
        self.stepfunctions = StepFunctions([])
        self.functions = Functions()
        self.logs = Logs()


class FakeTarget:
    """A target that is ready at once."""

    poll_s = 0.0
    log_wait_s = 0.0

    def __init__(self, name: str = "local") -> None:
        self.name = name
        self.deployment = DEPLOYMENT
        self.fakes = FakeClients()
        self.released: list[bool] = []

    @property
    def clients(self) -> Any:  # noqa: ANN401 - stands for cosmic_fmi.experiment.aws.clients.Clients
        return self.fakes

    def prepare(self, _: Reporter) -> Deployment:
        return self.deployment

    def function_platform(self, deployment: Deployment) -> FunctionPlatform:
        return of_image(deployment.architecture)

    def release(self, *, abandoned: bool) -> None:
        self.released.append(abandoned)


def quiet() -> Reporter:
    return Reporter(Console(file=io.StringIO(), record=True))
