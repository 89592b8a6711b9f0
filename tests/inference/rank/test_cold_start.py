"""A rank's cold start pays for every import, so it imports what it needs when it needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
LATER = ("boto3", "botocore", "fmi", "onnxruntime", "psutil", "pyarrow", "torch")


def test_starting_a_rank_imports_nothing_heavy() -> None:
    code = f"import sys, inference.rank.run; print(*{set(LATER)} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not done.stdout.strip()


def test_the_contract_imports_only_the_standard_library() -> None:
    """Of it a rank takes the places and the names; what reads S3 and outcomes is for others."""
    code = "import sys, inference.rank.run; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.partition(".")[0] == "cosmic_fmi"}
    assert ours == {
        "cosmic_fmi",
        "cosmic_fmi.common",
        "cosmic_fmi.common.contract",
        "cosmic_fmi.common.contract.keys",
        "cosmic_fmi.common.contract.variables",
        "cosmic_fmi.common.cores",
        "cosmic_fmi.common.lambda_limits",
    }
