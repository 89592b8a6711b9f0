"""The service quotas of a new account that this project depends on; moto knows only those of networks.

Source: https://docs.aws.amazon.com/general/latest/gr/ecs-service.html and …/lambda-service.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.servicequotas.models import ServiceQuotasBackend

from cosmic_fmi.localcloud.moto._untyped import MotoObject

if TYPE_CHECKING:
    from cosmic_fmi.localcloud.lambda_.service import LambdaRuntime

FARGATE_VCPUS = 6.0


def install(runtime: LambdaRuntime) -> None:
    """Let GetServiceQuota answer for Lambda's concurrency and Fargate's processors, beside moto's own."""
    original = ServiceQuotasBackend.get_service_quota

    def get(self: MotoObject, service_code: str, quota_code: str) -> dict[str, Any]:
        known = {
            ("lambda", "L-B99A9384"): ("Concurrent executions", float(runtime.limits.concurrency)),
            ("fargate", "L-3032A538"): ("Fargate On-Demand vCPU resource count", FARGATE_VCPUS),
        }
        if (service_code, quota_code) not in known:
            found: dict[str, Any] = original(self, service_code, quota_code)
            return found
        name, value = known[service_code, quota_code]
        return {
            "ServiceCode": service_code,
            "QuotaCode": quota_code,
            "QuotaName": name,
            "Value": value,
            "Adjustable": True,
            "GlobalQuota": False,
            "Unit": "None",
        }

    ServiceQuotasBackend.get_service_quota = get
