"""Delivers an event to the Lambda targets of the EventBridge rules that match it."""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from moto.events.utils import EventTemplateParser

from cosmic_fmi.localcloud.iam.authority import AccessDeniedError
from cosmic_fmi.localcloud.iam.services import EVENTS
from cosmic_fmi.localcloud.lambda_.service import LambdaError, LambdaRuntime
from cosmic_fmi.localcloud.moto import backends


def make_event(
    region: str, source: str, kind: str, resources: list[str], detail: dict[str, Any]
) -> dict[str, Any]:
    """An event in EventBridge's envelope.

    Source: https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
    """
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": kind,
        "source": source,
        "account": backends.ACCOUNT,
        "time": datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": resources,
        "detail": detail,
    }


def deliver(event: dict[str, Any], runtime: LambdaRuntime, delivered: set[str]) -> list[threading.Thread]:
    """Invoke each matching function that is not in `delivered` yet, and put it there; the invocations."""
    invocations = []
    for rule in list(backends.events(event["region"]).event_buses["default"].rules.values()):
        # A rule with a schedule has no pattern, and moto takes that for "matches everything".
        if (
            rule.state != "ENABLED"
            or not rule.event_pattern.get_pattern()
            or not rule.event_pattern.matches_event(event)
        ):
            continue
        for target in list(rule.targets):
            key = f"{rule.arn} {target['Id']} {target['Arn']}"
            if ":lambda:" not in target["Arn"] or key in delivered:
                continue
            # A function that is not there yet, or does not let the rule call it, gets it at another try.
            with contextlib.suppress(LambdaError, AccessDeniedError):
                function = backends.function_arn(target["Arn"], event["region"])
                runtime.authority.check_service(
                    EVENTS, "lambda:InvokeFunction", function, event["region"], rule.arn
                )
                invocations += _invoke(target, event, runtime)
                delivered.add(key)
    return invocations


def _invoke(target: dict[str, Any], event: dict[str, Any], runtime: LambdaRuntime) -> list[threading.Thread]:
    """Invoke a target: once, unless the faults of EventBridge are on.

    "at least once" and without an order: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-what-is.html
    """
    late_s = 0.0
    if runtime.switches.alternates("events-reordered", target["Arn"]):
        late_s = runtime.switches.value("events-reordered") or 0.0
    copies = 1 if runtime.switches.value("events-twice") is None else 2
    payload = _input(target, event)
    return [runtime.invoke_later(target["Arn"], event["region"], payload, late_s) for _ in range(copies)]


def _input(target: dict[str, Any], event: dict[str, Any]) -> bytes:
    """The event, or what the target says shall be sent in its place."""
    if "Input" in target:
        return str(target["Input"]).encode()
    if "InputTransformer" in target:
        transformer = target["InputTransformer"]
        content = EventTemplateParser.parse(
            input_template=transformer.get("InputTemplate"),
            input_paths_map=transformer.get("InputPathsMap", {}),
            event=event,
        )
        return json.dumps(content).encode()
    return json.dumps(event).encode()
