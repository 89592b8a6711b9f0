"""The extras of this project: libraries that only some users need."""

import shlex
import sys

from cosmic_fmi.common.checkout import in_checkout


def install(extra: str) -> str:
    """The command that installs an extra; in a clone in the versions that it is tested with."""
    if in_checkout():
        return f".venv/bin/pip install -c constraints.txt -e '.[{extra}]'"
    return f"{shlex.quote(sys.executable)} -m pip install 'cosmic-fmi[{extra}]'"
