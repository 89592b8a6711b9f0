"""What to change in the execution input after an error that is not the script's own fault.

Scripts that were written for other machines, packages and buckets fail here in a few typical ways. The
sentence is appended to their error; docs/course.md has the same as a table.
"""

from __future__ import annotations

import re

_HINTS = (
    (
        r"Weights only load failed",
        'If you trust the file, give "environment": {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"} in the '
        "execution input, or weights_only=False in the script.",
    ),
    (
        r"^No module named '(?P<module>\w+)",
        'Give the package that has {module} in "requirements", or put the folder {module} into the bundle.',
    ),
    (
        r"operator torchvision::nms does not exist",
        "This torchvision was built for another PyTorch than the image's, which is for CPUs: take the one of "
        "PyTorch's index for CPUs.",
    ),
    (
        r"Torch not compiled with CUDA|deserialize object on a CUDA device|Found no NVIDIA driver",
        'Functions have no GPU: if the script has an option for that, give it in "arguments", such as '
        '["--device", "cpu"].',
    ),
    (
        r"\((?:NoSuchBucket|AccessDenied|AllAccessDisabled)\)",
        "The script asked for a bucket that is not there or that the deployment may not use: take its name "
        "from S3_BUCKET or DATA_BUCKET, correct it in the script, or add it to the Terraform variable "
        "extra_buckets.",
    ),
)


def with_hint(message: str) -> str:
    """The message, and what to change where that is known."""
    for pattern, hint in _HINTS:
        if found := re.search(pattern, message):
            return f"{message.rstrip()} {hint.format_map(found.groupdict()) if found.groupdict() else hint}"
    return message
