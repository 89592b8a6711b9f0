"""Prices from the AWS Pricing API (GetProducts), in the shape of ``prices.json``.

The API is in few regions and answers for all of them; it needs credentials with ``pricing:GetProducts``.
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cosmic_fmi.experiment.errors import PriceError

API_REGION = "us-east-1"


@dataclass(frozen=True)
class Query:
    """Where a price is found: service, attributes, and the end of the usage type, which a region begins."""

    service: str
    usage: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    anywhere: bool = False
    """The product belongs to no region."""
    units: int = 1
    """Units of ours in one of the product's."""


_EC2 = {
    "instanceType": "c5.large",
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
}
QUERIES: dict[str, Query | dict[str, Query]] = {
    "lambda_gb_second": {
        "x86_64": Query("AWSLambda", "Lambda-GB-Second", {"group": "AWS-Lambda-Duration"}),
        "arm64": Query("AWSLambda", "Lambda-GB-Second-ARM", {"group": "AWS-Lambda-Duration-ARM"}),
    },
    "lambda_ephemeral_gb_second": Query(
        "AWSLambda", "Lambda-Storage-GB-Second", {"group": "AWS-Lambda-Storage-Duration"}
    ),
    "lambda_request": Query("AWSLambda", "Request", {"group": "AWS-Lambda-Requests"}),
    "stepfunctions_transition": Query("AmazonStates", "StateTransition"),
    "s3_get": Query("AmazonS3", "Requests-Tier2", {"group": "S3-API-Tier2"}),
    "s3_put": Query("AmazonS3", "Requests-Tier1", {"group": "S3-API-Tier1"}),
    "s3_gb_month": Query("AmazonS3", "TimedStorage-ByteHrs", {"volumeType": "Standard"}),
    "logs_ingested_gb": Query("AmazonCloudWatch", "DataProcessing-Bytes"),
    "fargate_vcpu_hour": {
        "x86_64": Query("AmazonECS", "Fargate-vCPU-Hours:perCPU"),
        "arm64": Query("AmazonECS", "Fargate-ARM-vCPU-Hours:perCPU"),
    },
    "fargate_gb_hour": {
        "x86_64": Query("AmazonECS", "Fargate-GB-Hours"),
        "arm64": Query("AmazonECS", "Fargate-ARM-GB-Hours"),
    },
    "public_ipv4_hour": Query("AmazonVPC", "PublicIPv4:InUseAddress"),
    "ecr_gb_month": Query("AmazonECR", "TimedStorage-ByteHrs"),
    "route53_zone_month": Query("AmazonRoute53", "HostedZone", anywhere=True),
    "ec2_vcpu_hour": Query("AmazonEC2", "BoxUsage:c5.large", _EC2, units=2),
}


def region_prices(client: Any, region: str) -> dict[str, Any]:  # noqa: ANN401 - boto3's pricing client
    """Every price of a region. Raises :class:`PriceError` naming one that the API lacks, or has twice."""
    return {
        name: {key: _price(client, region, name, part) for key, part in query.items()}
        if isinstance(query, dict)
        else _price(client, region, name, query)
        for name, query in QUERIES.items()
    }


def _price(client: Any, region: str, name: str, query: Query) -> float:  # noqa: ANN401
    found = {usd for product in _products(client, region, query) for usd in _first_paid_tier(product)}
    if len(found) != 1:
        said = "no price" if not found else f"{len(found)} different prices ({sorted(found)})"
        raise PriceError(
            f"the Pricing API has {said} for {name} ({query.service}, {query.usage}) in {region}: see "
            "whether the region's name is right and it has this service"
        )
    return found.pop() / query.units


def _products(client: Any, region: str, query: Query) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401
    """Products of this usage type; the API cannot match the end of a value, so that is done here."""
    wanted = dict(query.attributes) if query.anywhere else {**query.attributes, "regionCode": region}
    filters = [{"Type": "TERM_MATCH", "Field": key, "Value": value} for key, value in wanted.items()]
    for page in client.get_paginator("get_products").paginate(ServiceCode=query.service, Filters=filters):
        for text in page["PriceList"]:
            product = json.loads(text)
            usage = str(product["product"]["attributes"].get("usagetype", ""))
            if usage == query.usage or usage.endswith(f"-{query.usage}"):
                yield product


def _first_paid_tier(product: Mapping[str, Any]) -> Iterator[float]:
    """US dollars of the first units that cost something; a free tier is a first tier for nothing."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        tiers = sorted(term["priceDimensions"].values(), key=lambda tier: float(tier.get("beginRange") or 0))
        paid = [usd for tier in tiers if (usd := float(tier["pricePerUnit"].get("USD") or 0)) > 0]
        yield from paid[:1]
