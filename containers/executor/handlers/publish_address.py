"""Keep the rendezvous server's public address where the ranks look it up.

A Fargate task gets a new public address at every start. EventBridge calls this function when a task of the
rendezvous service changes its state; it writes ``ip:port`` to an SSM parameter and, with a domain, to a Route
53 record. A server that is started on demand and ends, by itself after an idle time or otherwise, is not
started again until an execution asks for it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from containers.executor.clients import ec2, route53, ssm
from containers.executor.rendezvous import PENDING, published_address, scale_service

if TYPE_CHECKING:
    from awslambdaric.lambda_context import LambdaContext
    from types_boto3_ec2.type_defs import NetworkInterfaceTypeDef

log = logging.getLogger(__name__)

RECORD_TTL_S = 10
NOBODY = "192.0.2.1"
"""An address for documentation (RFC 5737), where the record points while there is no server."""


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, str | None]:  # noqa: ARG001
    """Handle an "ECS Task State Change" event. Returns the published address, or None when nothing changed.

    Events may arrive late, twice or out of order, so an event is only a reason to look; what is written is
    what EC2 says at that moment.
    """
    detail = event["detail"]
    interface_id = _interface_id(detail)
    address = None
    if detail["lastStatus"] == "RUNNING" and interface_id:
        address = _publish_running(interface_id)
    elif detail["lastStatus"] == "STOPPED":
        address = _publish_stopped(interface_id)
    log.info("task %s is %s: published %s", detail.get("taskArn"), detail["lastStatus"], address or "nothing")
    return {"address": address}


def _publish_running(interface_id: str) -> str | None:
    """Publish the task's address, or end a task that nobody asked for."""
    ip = _public_ip(_interface(interface_id))
    if ip is None:
        # The event is late, the task gone; or it was started without a public address, which nobody could
        # reach.
        return None
    address = f"{ip}:{os.environ['RENDEZVOUS_PORT']}"
    if "ON_DEMAND" in os.environ and published_address() not in (PENDING, address):
        # The last server's end has not been dealt with, so nobody asked for this one: ECS replaced the last.
        # Published, it would run for another idle time, and so would its successors. Who needs it asks again.
        scale_service(0)
        return _withdraw()
    _write_parameter(address)
    _write_record(ip)
    return address


def _publish_stopped(interface_id: str | None) -> str | None:
    """Withdraw the address unless it already is that of another task, the one that replaced this one."""
    published = published_address()
    if published != PENDING and published.rpartition(":")[0] in _live_addresses(interface_id):
        return None
    if "ON_DEMAND" in os.environ:
        # ECS would replace the task for ever. An execution that waits for one asks for it at every look.
        scale_service(0)
    return None if published == PENDING else _withdraw()


def _withdraw() -> str:
    _write_parameter(PENDING)
    _write_record(NOBODY)
    return PENDING


def _interface_id(detail: Mapping[str, Any]) -> str | None:
    for attachment in detail.get("attachments", []):
        for entry in attachment.get("details", []):
            if entry["name"] == "networkInterfaceId":
                return str(entry["value"])
    return None


def _interface(interface_id: str) -> NetworkInterfaceTypeDef | None:
    try:
        return ec2().describe_network_interfaces(NetworkInterfaceIds=[interface_id])["NetworkInterfaces"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "InvalidNetworkInterfaceID.NotFound":
            return None
        raise


def _live_addresses(except_interface: str | None) -> set[str]:
    """The public addresses in the rendezvous network, where nothing but rendezvous tasks lives."""
    pages = (
        ec2()
        .get_paginator("describe_network_interfaces")
        .paginate(Filters=[{"Name": "vpc-id", "Values": [os.environ["VPC_ID"]]}])
    )
    live = [one for page in pages for one in page["NetworkInterfaces"]]
    return {
        ip for one in live if one.get("NetworkInterfaceId") != except_interface and (ip := _public_ip(one))
    }


def _public_ip(interface: NetworkInterfaceTypeDef | None) -> str | None:
    return interface.get("Association", {}).get("PublicIp") if interface else None


def _write_parameter(value: str) -> None:
    ssm().put_parameter(Name=os.environ["RENDEZVOUS_PARAMETER"], Value=value, Overwrite=True)


def _write_record(ip: str) -> None:
    zone = os.environ.get("HOSTED_ZONE_ID")
    if not zone:
        return
    record = {
        "Name": os.environ["RECORD_NAME"],
        "Type": "A",
        "TTL": RECORD_TTL_S,
        "ResourceRecords": [{"Value": ip}],
    }
    route53().change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]},  # type: ignore[typeddict-item]
    )
