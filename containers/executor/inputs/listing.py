"""What is in a bucket, and what to change where that cannot be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError

from containers.executor.clients import s3
from containers.executor.inputs.mistakes import InputError
from cosmic_fmi.common import s3 as common

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import ObjectTypeDef


def list_objects(bucket: str, prefix: str, most: int | None = None) -> list[ObjectTypeDef]:
    """The objects whose keys start with ``prefix``, the first ``most`` of them or all.

    Raises InputError for a bucket that is not there or may not be read.
    """
    try:
        if most is not None:
            return s3().list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=most).get("Contents", [])
        return common.list_objects(s3(), bucket, prefix)
    except ParamValidationError:
        raise InputError(
            f"{bucket!r} cannot be the name of a bucket: give one of letters, digits, dots and hyphens."
        ) from None
    except ClientError as error:
        if common.is_no_bucket(error):
            raise InputError(
                f"There is no bucket {bucket!r}: correct its name in the execution input."
            ) from None
        if common.error_code(error) in ("AccessDenied", "403", "AllAccessDisabled", "PermanentRedirect"):
            raise InputError(
                f"The deployment may not read bucket {bucket!r}: correct its name, "
                "or add it to the Terraform variable extra_buckets and apply."
            ) from None
        raise
