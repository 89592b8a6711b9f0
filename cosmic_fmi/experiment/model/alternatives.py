"""What the same work costs elsewhere, on EC2 or with the course's system; and what idling costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cosmic_fmi.common.lambda_limits import MB_PER_CPU, MOST_CPUS
from cosmic_fmi.experiment.cost.bill import Line, rendezvous
from cosmic_fmi.experiment.cost.prices import HOURS_A_MONTH, Prices
from cosmic_fmi.experiment.cost.published import PARTITIONS

EC2_VCPUS = (2, 4, 8, 16, 36, 48, 72, 96)
"""Sizes of c5, large to 24xlarge (Amazon EC2 instance types)."""
EC2_START_S = 60.0
"""Until a machine has booted and loaded its software; billed like the work, and also the shortest bill."""
COURSE_GB_SECOND = 0.00001667
"""The rounded price that the course and the CAI paper multiply with."""
_CLOSE = 0.1


def ec2(row: Mapping[str, Any], prices: Prices) -> Line:
    """The run of this row on c5 machines with as many processors as its functions had, started for it alone.

    The ranks take as long as they took; a machine that is left running costs more, and one that is full all
    day less. It is what the course's reports call "an equivalent EC2 instance".
    """
    wanted = max(1, math.ceil(row["world_size"] * min(MOST_CPUS, row["memory_mb"] / MB_PER_CPU)))
    whole, rest = divmod(wanted, EC2_VCPUS[-1])
    vcpus = whole * EC2_VCPUS[-1] + (next(size for size in EC2_VCPUS if size >= rest) if rest else 0)
    seconds = EC2_START_S + (row["map_s"] or 0.0)
    what = f"c5 machines with {vcpus} vCPUs for {seconds:.1f} s, {EC2_START_S:.0f} s of it to start"
    return Line("ec2", what, vcpus * seconds / 3600, "vCPU-hour", prices.ec2_vcpu_hour)


def course(row: Mapping[str, Any]) -> Line | None:
    """The course's own cost for as many files of this size, by its figures and its formula: functions x s x
    GB x price. None for sizes that it did not measure.
    """
    size, files = row["partition_mb"], row["files"]
    for item in PARTITIONS:
        if size and files and abs(size / item.megabytes - 1) <= _CLOSE:
            quantity = files * item.duration_s * item.memory_gb
            what = f"course: {files} functions x {item.duration_s} s x {item.memory_gb} GB"
            return Line("course", what, quantity, "GB-second", COURSE_GB_SECOND)
    return None


def month(prices: Prices, *, on_demand: bool, image_gb: float, stored_gb: float, zone: bool) -> list[Line]:
    """What a deployment costs in a month in which nothing runs."""
    found = [
        Line("images", "container images in ECR", image_gb, "GB-month", prices.ecr_gb_month),
        Line("storage", "bundles, data and results in S3", stored_gb, "GB-month", prices.s3_gb_month),
        Line("zone", "Route 53 hosted zone", float(zone), "zone-month", prices.route53_zone_month),
    ]
    if not on_demand:
        found += rendezvous(HOURS_A_MONTH * 3600, prices)
    return [line for line in found if line.quantity]
