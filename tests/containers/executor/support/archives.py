"""Archives of packages, made here."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tests.containers.executor.conftest import BUCKET

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

KEY = "requirements/abc.zip"


def archive(files: Mapping[str, str]) -> bytes:
    """A zip file of these texts by name."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return made.getvalue()


def put(s3: S3Client, files: Mapping[str, str], key: str = KEY) -> str:
    """Put an archive into the bucket; its ETag."""
    return s3.put_object(Bucket=BUCKET, Key=key, Body=archive(files))["ETag"]
