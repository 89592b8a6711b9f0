"""What a run costs on AWS, item by item. On the embedded AWS: what the same run would have cost there.

Prices come from ``prices.json`` (dated, by region). The formulas are the course's and the papers' own
(shared/PUBLISHED.md), with the items that those leave out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from experiment.logs import Report

_PRICES = Path(__file__).with_name("prices.json")
_FREE_EPHEMERAL_MB = 512
_CHILD_TRANSITIONS = 2  # a Map child of one task: its start and its state
_RENDEZVOUS_VCPU = 0.25  # the smallest Fargate task, which is what terraform/modules/rendezvous asks for
_RENDEZVOUS_GB = 0.5
HOURS_A_MONTH = 730


@dataclass(frozen=True)
class Prices:
    """USD for one unit each; GB of memory are GiB, as Lambda counts them."""

    region: str
    as_of: str
    lambda_gb_second: float
    lambda_ephemeral_gb_second: float
    lambda_request: float
    stepfunctions_transition: float
    s3_get: float
    s3_put: float
    logs_ingested_gb: float
    fargate_vcpu_hour: float
    fargate_gb_hour: float
    public_ipv4_hour: float

    @property
    def rendezvous_hour(self) -> float:
        """What the rendezvous task and its public address cost an hour, busy or not."""
        task = self.fargate_vcpu_hour * _RENDEZVOUS_VCPU + self.fargate_gb_hour * _RENDEZVOUS_GB
        return task + self.public_ipv4_hour


@cache
def load_prices(region: str = "us-east-1", architecture: str = "x86_64") -> Prices:
    """Prices of a region; for one that the table does not have, those of us-east-1 under its own name."""
    table: dict[str, Any] = json.loads(_PRICES.read_text())
    regions = table["regions"]
    name = region if region in regions else "us-east-1"
    found = regions[regions[name].get("same_as", name)]
    values = {key: item[architecture] if isinstance(item, dict) else item for key, item in found.items()}
    return Prices(region=name, as_of=table["as_of"], **values)


@dataclass(frozen=True)
class Usage:
    """What a run used, in the units that are billed."""

    ranks: tuple[Report, ...]
    """Invocations of the execute function."""
    others: tuple[Report, ...]
    """Those of initialize and summarize."""
    transitions: int
    s3_get: int
    s3_put: int
    log_bytes: int
    duration_s: float
    ephemeral_mb: int = _FREE_EPHEMERAL_MB
    """Ephemeral storage of the execute function; what exceeds the free 512 MB is billed by the second."""


def lambda_compute(billed_ms: float, memory_mb: float, gb_second: float) -> float:
    """USD for a function's time: billed milliseconds at a memory size."""
    return billed_ms / 1000 * memory_mb / 1024 * gb_second


def transitions(parent_states: int, ranks: int) -> int:
    """Billed state transitions: the states that the parent entered, and those of one Map child a rank."""
    return parent_states + _CHILD_TRANSITIONS * ranks


def s3_requests(
    world_size: int, outcomes: Iterable[dict[str, Any]], ranks: Iterable[dict[str, Any]]
) -> tuple[int, int]:
    """GET and PUT (or LIST) requests of a run.

    What the ranks counted themselves (``s3_num_requests`` of the script, ``objects_downloaded`` of the
    executor) plus what the fixed parts do: Initialize lists and writes the manifest, the Map reads it and
    writes its results, a rank writes its outcome, its result and its predictions, Summarize reads those and
    writes two files.
    """
    counted = sum(int(item.get("s3_num_requests") or 0) for item in ranks)
    counted += sum(int(item.get("objects_downloaded") or 0) for item in outcomes)
    gets = counted + 1 + 3 * world_size
    puts = 1 + 1 + world_size + 2 + 3 * world_size + 1 + 2
    return gets, puts


def breakdown(usage: Usage, prices: Prices) -> dict[str, float]:
    """USD by item. A run's cost is the plain sum of these values."""
    reports = (*usage.ranks, *usage.others)
    compute = sum(lambda_compute(r.billed_ms, r.memory_mb, prices.lambda_gb_second) for r in reports)
    extra_gb = max(0, usage.ephemeral_mb - _FREE_EPHEMERAL_MB) / 1024
    storage_gb_s = extra_gb * sum(report.billed_ms for report in usage.ranks) / 1000
    return {
        "lambda_compute": compute,
        "lambda_storage": storage_gb_s * prices.lambda_ephemeral_gb_second,
        "lambda_requests": len(reports) * prices.lambda_request,
        "step_functions": usage.transitions * prices.stepfunctions_transition,
        "s3_requests": usage.s3_get * prices.s3_get + usage.s3_put * prices.s3_put,
        "log_ingestion": usage.log_bytes / 1e9 * prices.logs_ingested_gb,
        "rendezvous": usage.duration_s / 3600 * prices.rendezvous_hour,
    }


def total(items: dict[str, float]) -> float:
    """The sum of a breakdown, in its order, so that it can be checked to the last digit."""
    return sum(items.values())
