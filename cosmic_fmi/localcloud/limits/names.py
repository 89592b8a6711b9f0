"""Rules for names and sizes that AWS documents, and no model has."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

FUNCTION_NAME_LETTERS = 64
"""Of a function's name alone; what the model allows is a whole ARN.
Source: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html"""

ENVIRONMENT_BYTES = 4096
"""Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

# Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
_RESERVED = re.compile(
    r"_HANDLER|_X_AMZN_TRACE_ID|AWS_(DEFAULT_REGION|REGION|EXECUTION_ENV|LAMBDA_\w+|ACCESS_KEY(_ID)?"
    r"|SECRET_ACCESS_KEY|SESSION_TOKEN)|LAMBDA_(TASK_ROOT|RUNTIME_DIR)"
)
# Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
_STATES_WRONG = re.compile(r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff]""")
# Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_BUCKET_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def environment_complaint(variables: Mapping[str, Any]) -> str | None:
    """What Lambda says of environment variables that are too large, or its own; None if nothing."""
    begin = (
        "Lambda was unable to configure your environment variables because the environment variables you have"
    )
    reserved = sorted(name for name in variables if _RESERVED.fullmatch(name))
    if reserved:
        return (
            f"{begin} provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > ENVIRONMENT_BYTES:
        return f"{begin} provided exceeded the 4KB limit. String measured: {measured}"
    return None


def is_states_name(name: str) -> bool:
    """Whether a state machine or an execution may be called so; its length is the model's business."""
    return not _STATES_WRONG.search(name)


def is_bucket_name(name: str) -> bool:
    """Whether a bucket may be called so."""
    return bool(_BUCKET.fullmatch(name)) and not name.endswith(_BUCKET_ENDS) and not _ADDRESS.fullmatch(name)
