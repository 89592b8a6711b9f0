"""A container's command: listens on PORT, prints that it does, ends on SIGTERM."""

import os
import signal
import socket
import sys
from types import FrameType


def stop(_number: int, _frame: FrameType | None) -> None:
    """Say goodbye."""
    print("server stops")
    sys.exit(0)


if __name__ == "__main__":
    if os.environ.get("FAIL"):
        sys.exit("server cannot start")
    signal.signal(signal.SIGTERM, stop)
    with socket.create_server(("127.0.0.1", int(os.environ["PORT"]))):
        print("server listens", *sys.argv[1:])
        while True:
            signal.pause()
