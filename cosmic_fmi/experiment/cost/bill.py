"""What a run costs on AWS, line by line. On the embedded AWS: what the same run would have cost there.

A line is quantity x unit price = amount; an item is the sum of its lines, and a run's cost the sum of its
items. The formulas are the course's and the papers' own (PUBLISHED.md), with the items that those leave out.
The free tier is not subtracted: docs/cost.md says what it would take off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosmic_fmi.common.contract.outcome import Outcome
from cosmic_fmi.experiment.aws.lambda_logs import Report
from cosmic_fmi.experiment.cost.prices import RENDEZVOUS_GB, RENDEZVOUS_VCPU, Prices
from cosmic_fmi.experiment.schema import CostLine

FREE_EPHEMERAL_MB = 512
CHILD_TRANSITIONS = 2  # a Map child of one task: its start and its state
FARGATE_MINIMUM_S = 60.0
ITEMS = (
    "lambda_compute",
    "lambda_storage",
    "lambda_requests",
    "step_functions",
    "s3_requests",
    "s3_storage",
    "log_ingestion",
    "rendezvous",
)


@dataclass(frozen=True)
class Line:
    """One line of a bill; see :class:`~cosmic_fmi.experiment.schema.CostLine`."""

    item: str
    what: str
    quantity: float
    unit: str
    unit_price_usd: float

    @property
    def amount_usd(self) -> float:
        """Quantity x unit price."""
        return self.quantity * self.unit_price_usd

    def row(self) -> CostLine:
        """The line as it is written to ``summary.json``."""
        return CostLine(
            item=self.item,
            what=self.what,
            quantity=self.quantity,
            unit=self.unit,
            unit_price_usd=self.unit_price_usd,
            amount_usd=self.amount_usd,
        )


@dataclass(frozen=True)
class Usage:
    """What a run used, in the units that are billed."""

    ranks: tuple[Report, ...]
    """Invocations of the execute function."""
    others: tuple[Report, ...]
    """Those of initialize and summarize."""
    parent_transitions: int
    """States that the execution itself entered."""
    map_children: int
    """Executions that the Map started, one a rank of every attempt."""
    s3_get: int
    s3_put: int
    """PUT, COPY, POST and LIST requests, which have one price."""
    stored_bytes: int
    """What the run left in S3."""
    log_bytes: int
    rendezvous_s: float
    """Seconds of the rendezvous task that are this run's share."""
    ephemeral_mb: int = FREE_EPHEMERAL_MB
    """Ephemeral storage of the execute function; what exceeds the free 512 MB is billed by the second."""


def gb_seconds(billed_ms: float, memory_mb: float) -> float:
    """What Lambda bills compute and storage in: seconds x GiB."""
    return billed_ms / 1000 * memory_mb / 1024


def rendezvous_seconds(duration_s: float, *, on_demand: bool, idle_s: float = 0.0) -> float:
    """Seconds of the rendezvous task that one execution on its own is billed for.

    Always on: its own time, as the task is paid for anyway (docs/cost.md has the month). On demand: its time
    and the idle time after which the task is stopped, at least Fargate's minimum of a minute.
    """
    return max(FARGATE_MINIMUM_S, duration_s + idle_s) if on_demand else duration_s


def s3_requests(
    ranks: int, outcomes: Iterable[Outcome], results: Iterable[Mapping[str, Any]]
) -> tuple[int, int]:
    """GET and PUT (or LIST) requests of a run that started so many ranks.

    What the ranks counted themselves (``s3_num_requests`` of the script, ``objects_downloaded`` of the
    executor) plus what the fixed parts do: Initialize lists bundle and data and writes the manifest, the Map
    reads it and writes its results, a rank lists the bundle and writes its outcome, its result and its
    predictions, Summarize reads those and writes two files. The count of a script includes the predictions,
    which are then counted as a GET too: less than a millionth of a dollar a rank.
    """
    counted = sum(int(item.get("s3_num_requests") or 0) for item in results)
    counted += sum(outcome.objects_downloaded for outcome in outcomes)
    gets = counted + 1 + 3 * ranks
    puts = 1 + 1 + ranks + 2 + 3 * ranks + 1 + 2
    return gets, puts


def lines(usage: Usage, prices: Prices) -> list[Line]:
    """The bill; lines of nothing are left out."""
    found = [
        *_compute(usage, prices),
        _storage(usage, prices),
        Line(
            "lambda_requests",
            "invocations of all functions",
            len(usage.ranks) + len(usage.others),
            "request",
            prices.lambda_request,
        ),
        *_transitions(usage, prices),
        Line("s3_requests", "GET", usage.s3_get, "request", prices.s3_get),
        Line("s3_requests", "PUT, COPY, POST, LIST", usage.s3_put, "request", prices.s3_put),
        Line(
            "s3_storage",
            "results, kept for a month",
            usage.stored_bytes / 2**30,
            "GB-month",
            prices.s3_gb_month,
        ),
        Line("log_ingestion", "CloudWatch Logs", usage.log_bytes / 2**30, "GB", prices.logs_ingested_gb),
        *rendezvous(usage.rendezvous_s, prices),
    ]
    return [line for line in found if line.quantity]


def _compute(usage: Usage, prices: Prices) -> Iterable[Line]:
    for name, reports in (("ranks", usage.ranks), ("other functions", usage.others)):
        for memory in sorted({report.memory_mb for report in reports}):
            billed = [report.billed_ms for report in reports if report.memory_mb == memory]
            yield Line(
                "lambda_compute",
                f"{name}: {len(billed)} x {memory} MB, {sum(billed) / 1000:.3f} s billed",
                gb_seconds(sum(billed), memory),
                "GB-second",
                prices.lambda_gb_second,
            )


def _storage(usage: Usage, prices: Prices) -> Line:
    extra = max(0, usage.ephemeral_mb - FREE_EPHEMERAL_MB)
    billed_ms = sum(report.billed_ms for report in usage.ranks)
    what = f"ephemeral storage of the ranks beyond 512 MB: {extra} MB, {billed_ms / 1000:.3f} s"
    return Line(
        "lambda_storage", what, gb_seconds(billed_ms, extra), "GB-second", prices.lambda_ephemeral_gb_second
    )


def _transitions(usage: Usage, prices: Prices) -> Iterable[Line]:
    price = prices.stepfunctions_transition
    yield Line(
        "step_functions", "states of the execution", usage.parent_transitions, "state transition", price
    )
    yield Line(
        "step_functions",
        f"Map: {usage.map_children} children, {CHILD_TRANSITIONS} each",
        CHILD_TRANSITIONS * usage.map_children,
        "state transition",
        price,
    )


def rendezvous(seconds: float, prices: Prices) -> list[Line]:
    """The rendezvous task (Fargate) and its public address for this long."""
    hours = seconds / 3600
    task = f"rendezvous task, {seconds:.1f} s"
    return [
        Line(
            "rendezvous",
            f"{task}, {RENDEZVOUS_VCPU} vCPU",
            hours * RENDEZVOUS_VCPU,
            "vCPU-hour",
            prices.fargate_vcpu_hour,
        ),
        Line(
            "rendezvous",
            f"{task}, {RENDEZVOUS_GB} GB",
            hours * RENDEZVOUS_GB,
            "GB-hour",
            prices.fargate_gb_hour,
        ),
        Line("rendezvous", "its public IPv4 address", hours, "hour", prices.public_ipv4_hour),
    ]


def breakdown(bill: Sequence[Line]) -> dict[str, float]:
    """USD by item, in the order of :data:`ITEMS`, with 0 for an item without a line."""
    return {item: sum(line.amount_usd for line in bill if line.item == item) for item in ITEMS}


def total(items: dict[str, float]) -> float:
    """The sum of a breakdown, in its order, so that it can be checked to the last digit."""
    return sum(items.values())
