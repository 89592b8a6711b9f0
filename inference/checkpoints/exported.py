"""Where a checkpoint's exported model is, and whether it was made from this very checkpoint."""

import hashlib
from pathlib import Path

SUFFIX = ".onnx"
WEIGHTS_SUFFIX = ".data"
SOURCE_KEY = "source_sha256"
"""Under this name the exported model's metadata holds the fingerprint of its checkpoint."""
HEADS_KEY = "heads"
"""And under this one the number of attention heads, which may have been given when it was exported."""
WEIGHTS_KEY = "weights"
"""And here the name of its second file, beside it."""
WEIGHTS_FINGERPRINT_KEY = "weights_sha256"


def exported_path(checkpoint: Path) -> Path:
    """`NAME.onnx` beside `NAME.safetensors`."""
    return checkpoint.with_suffix(SUFFIX)


def fingerprint(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
