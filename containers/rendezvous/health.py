"""`python -m containers.rendezvous.health`, the image's HEALTHCHECK: is the server healthy?

Exit status 0 when `/healthz` on the metrics port (METRICS_PORT, unless --port is given) says so, 1 when not.

    python -m containers.rendezvous.health --port 10001
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys

PATIENCE_S = 3.0


def is_healthy(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server answers on this port that it takes clients."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(argv: list[str] | None = None) -> int:
    """Exit status 0: healthy."""
    parser = argparse.ArgumentParser(
        prog="python -m containers.rendezvous.health",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    port = os.environ.get("METRICS_PORT") or None
    parser.add_argument("--port", type=int, default=port, required=port is None, help="the metrics port")
    return 0 if is_healthy(parser.parse_args(argv).port) else 1


if __name__ == "__main__":
    sys.exit(main())
