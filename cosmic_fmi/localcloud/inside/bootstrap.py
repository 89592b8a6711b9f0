"""Entry point of a function's process: private /tmp, then AWS's own runtime interface client.

Run as `python -m cosmic_fmi.localcloud.inside.bootstrap <handler>` by cosmic_fmi.localcloud.sandbox._process,
never by hand.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

from cosmic_fmi.localcloud.inside import runtime_client
from cosmic_fmi.localcloud.inside.image_modules import hide
from cosmic_fmi.localcloud.inside.parent_watch import exit_with_parent
from cosmic_fmi.localcloud.inside.private_tmp import mount_private_tmp


def main(handler: str) -> None:
    """Prepare this process and serve invocations until it is killed."""
    watched = int(os.environ.pop("LOCALCLOUD_WATCH"))
    folder = Path(os.environ.pop("LOCALCLOUD_TMP"))
    visible = [Path(path) for path in json.loads(os.environ.pop("LOCALCLOUD_VISIBLE"))]
    hide(json.loads(os.environ.pop("LOCALCLOUD_HIDDEN")))
    # Before the first thread: a new user namespace wants a process with a single one.
    mount_private_tmp(folder, visible)
    exit_with_parent(watched)
    if importlib.util.find_spec("runtime_client") is None:  # awslambdaric's C client exists for Linux only
        sys.modules["runtime_client"] = runtime_client
    from awslambdaric import bootstrap  # noqa: PLC0415 - picks the client up when it is imported
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient  # noqa: PLC0415

    client = LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    # Its own way to report a failed import takes no path in the address.
    client.post_init_error = runtime_client.post_init_error
    sys.argv = ["bootstrap", handler]
    bootstrap.run(handler, client)


if __name__ == "__main__":
    main(sys.argv[1])
