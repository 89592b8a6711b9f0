"""A stand-in for terraform, and what it may answer."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path


def stand_in(tmp_path: Path, body: str, name: str = "terraform") -> dict[str, str]:
    """An environment in which ``name`` runs this Python code."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / name
    script.write_text(f"#!{sys.executable}\nimport json, os, signal, sys, time\n{textwrap.dedent(body)}")
    script.chmod(0o755)
    return {"PATH": str(folder)}


OUTPUTS = {
    "bucket": "b",
    "state_machine_arn": "arn:aws:states:us-east-1:1:stateMachine:m",
    "functions": {"initialize": "i", "execute": "e", "summarize": "s"},
    "log_groups": {"initialize": "/aws/lambda/i", "execute": "/aws/lambda/e", "summarize": "/aws/lambda/s"},
    "region": "us-east-1",
    "architecture": "x86_64",
    "executor_memory_mb": 3008,
    "images": {"executor": "registry/executor@sha256:1"},
    "rendezvous": {"mode": "on-demand"},
    "more": "is ignored",
}
