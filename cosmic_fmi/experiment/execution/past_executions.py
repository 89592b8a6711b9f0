"""Executions of the past: found by ARN, name, or as the latest, and collected as if they had just ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import ClientError

from cosmic_fmi.experiment.cost.prices import load_prices
from cosmic_fmi.experiment.errors import ResultsError, TargetError
from cosmic_fmi.experiment.execution.collect import collect
from cosmic_fmi.experiment.execution.own_files import bring_files
from cosmic_fmi.experiment.execution.runner import Runner
from cosmic_fmi.experiment.results.folder import Summary
from cosmic_fmi.experiment.results.record import RunRecord
from cosmic_fmi.experiment.targets.base import Target
from cosmic_fmi.experiment.targets.deployment import Deployment
from cosmic_fmi.experiment.ui.console import Reporter


def execution_names(target: Target, deployment: Deployment, wanted: Sequence[str], latest: int) -> list[str]:
    """Names of the executions that are meant, in the order given; the latest ones first.

    Raises :class:`TargetError` for an ARN of another state machine, or when there are none.
    """
    if wanted:
        return [_name(deployment, item) for item in wanted]
    pages = target.clients.stepfunctions.get_paginator("list_executions").paginate(
        stateMachineArn=deployment.state_machine_arn, PaginationConfig={"MaxItems": max(latest, 100)}
    )
    found = [item for page in pages for item in page["executions"] if item["status"] != "RUNNING"]
    if not found:
        raise TargetError("no execution has ended on this deployment yet: run one first")
    found.sort(key=lambda item: item["startDate"], reverse=True)
    return [item["name"] for item in found[:latest]]


def _name(deployment: Deployment, wanted: str) -> str:
    if not wanted.startswith("arn:"):
        return wanted
    machine, _, name = wanted.rpartition(":")
    if machine != deployment.state_machine_arn.replace(":stateMachine:", ":execution:"):
        raise TargetError(
            f"{wanted} is no execution of this deployment ({deployment.state_machine_arn}): take one of its "
            "own, or choose another --target"
        )
    return name


def collect_past(
    target: Target, names: Sequence[str], deployment: Deployment, output: Path, reporter: Reporter
) -> list[RunRecord]:
    """Write what these executions left into ``output``, as a sweep would have; returns their records."""
    summary = Summary(output)
    summary.prepare()
    prices = load_prices(deployment.region, deployment.architecture)
    runner = Runner(target, deployment, reporter)
    records = []
    for order, name in enumerate(names):
        with reporter.step(f"Collecting {name}") as step:
            try:
                finished = runner.past(name)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                    raise
                raise ResultsError(
                    f"there is no execution {name!r} on this deployment (Step Functions keeps one for 90 "
                    "days): see `cosmic-fmi logs --list`"
                ) from error
            record = collect(target, deployment, finished, prices, order)
            row = record.row
            step.update(note=f"{row['reports_found']} of {row['reports_expected']} REPORT lines found")
        summary.add(record)
        bring_files(target.clients.s3, deployment.bucket, name, summary.files_folder(record), reporter)
        records.append(record)
    return records
