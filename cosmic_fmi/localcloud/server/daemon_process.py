"""The program of a daemon in the background, which `cosmic_fmi.localcloud.client` starts."""

from __future__ import annotations

import sys
from pathlib import Path

from cosmic_fmi.localcloud.server.daemon import run

MODULE = "cosmic_fmi.localcloud.server.daemon_process"


def command(state_dir: Path, code_root: Path, port: int, concurrency: int, runtime: str) -> list[str]:
    """The command line that calls `daemon.run` with these arguments in another process."""
    return [
        sys.executable,
        "-m",
        MODULE,
        str(state_dir),
        str(code_root),
        str(port),
        str(concurrency),
        runtime,
    ]


def main(arguments: list[str]) -> int:
    """What that process does; the exit status."""
    state_dir, code_root, port, concurrency, runtime = arguments
    return run(Path(state_dir), Path(code_root), int(port), int(concurrency), runtime)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
