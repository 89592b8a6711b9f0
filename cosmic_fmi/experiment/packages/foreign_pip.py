"""pip for another platform than this one, markers included: ``python -P foreign_pip.py MARKERS ARGUMENTS``.

pip's own ``--platform`` chooses wheels for the other platform, but evaluates what they depend on (``;
sys_platform == "linux"``) for the interpreter that it runs on. MARKERS is the other one's environment as
JSON; an empty one leaves pip as it is.
"""

from __future__ import annotations

import importlib
import json
import runpy
import sys


def main(markers: str, arguments: list[str]) -> None:
    """Run pip with these arguments in this process."""
    environment = json.loads(markers)
    if environment:
        vendored = importlib.import_module("pip._vendor.packaging.markers")
        vars(vendored)["default_environment"] = lambda: dict(environment)
    sys.argv = ["pip", *arguments]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
