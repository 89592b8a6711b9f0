"""What the numbers were measured on, without names of hosts or people."""

import importlib.metadata
import platform
from pathlib import Path

from cosmic_fmi.common.cores import usable_cores


def describe() -> list[str]:
    """Processor, system and versions."""
    versions = (f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "torch", "onnxruntime"))
    return [
        f"{_processor()}, {usable_cores()} cores",
        f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}",
        *versions,
    ]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
