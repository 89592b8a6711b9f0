"""S3 that is asked too often.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from typing import Any

from cosmic_fmi.localcloud.faults.switches import Switches

SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)


def slows_down(environ: dict[str, Any], switches: Switches) -> bool:
    """Whether S3 refuses this request (of WSGI), which is signed for S3 in a header or its query."""
    signed = environ.get("HTTP_AUTHORIZATION", "") + environ.get("QUERY_STRING", "")
    return "/s3/aws4_request" in signed.replace("%2F", "/") and switches.strikes("s3-slowdown")
