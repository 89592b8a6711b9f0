"""What AWS charges for one unit of each thing, by region and architecture: ``prices.json``, dated, with
sources.

``cosmic-fmi prices`` writes the file anew from the AWS Pricing API.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cosmic_fmi.experiment.errors import PriceError

PRICES = Path(__file__).with_name("prices.json")
HOURS_A_MONTH = 730
RENDEZVOUS_VCPU = 0.25  # the smallest Fargate task, which is what terraform/modules/rendezvous asks for
RENDEZVOUS_GB = 0.5
RENDEZVOUS_IDLE_S = 900  # rendezvous_idle_s of terraform/: how long the task runs on after an execution


@dataclass(frozen=True)
class Prices:
    """US dollars for one unit each; GB of memory and of stored images are GiB, as AWS counts them."""

    region: str
    architecture: str
    as_of: str
    lambda_gb_second: float
    lambda_ephemeral_gb_second: float
    lambda_request: float
    stepfunctions_transition: float
    s3_get: float
    s3_put: float
    s3_gb_month: float
    logs_ingested_gb: float
    fargate_vcpu_hour: float
    fargate_gb_hour: float
    public_ipv4_hour: float
    ecr_gb_month: float
    route53_zone_month: float
    ec2_vcpu_hour: float
    """One vCPU of a c5 instance, Linux, on demand."""

    @property
    def rendezvous_hour(self) -> float:
        """What the rendezvous task and its public address cost an hour, busy or not."""
        task = self.fargate_vcpu_hour * RENDEZVOUS_VCPU + self.fargate_gb_hour * RENDEZVOUS_GB
        return task + self.public_ipv4_hour


UNITS = tuple(field.name for field in fields(Prices) if field.type == "float")
"""Names of the prices in the file."""


def load_prices(region: str = "us-east-1", architecture: str = "x86_64", file: Path = PRICES) -> Prices:
    """Prices of a region. Raises :class:`PriceError` for a region or architecture that the file lacks."""
    table = read_table(file)
    regions = table["regions"]
    if region not in regions:
        raise PriceError(
            f"there are no prices for the region {region!r} in {file.name} (it has {', '.join(regions)}): "
            f"run `cosmic-fmi prices --region {region}`"
        )
    values = {}
    for name in UNITS:
        found = regions[region].get(name)
        value = found.get(architecture) if isinstance(found, dict) else found
        if not isinstance(value, int | float):
            raise PriceError(
                f"{file.name} has no price {name} for {architecture} in {region}: "
                f"run `cosmic-fmi prices --region {region}`"
            )
        values[name] = float(value)
    as_of = str(regions[region].get("as_of", table["as_of"]))
    return Prices(region=region, architecture=architecture, as_of=as_of, **values)


def read_table(file: Path = PRICES) -> dict[str, Any]:
    """The whole file. Raises :class:`PriceError` when it is not a price table."""
    try:
        table = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise PriceError(f"the price table {file} cannot be read ({error}): restore it from git") from error
    if not isinstance(table, dict) or not isinstance(table.get("regions"), dict) or "as_of" not in table:
        raise PriceError(f"{file} is not a price table: restore it from git")
    return table
