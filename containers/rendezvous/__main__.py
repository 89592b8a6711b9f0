"""Run the rendezvous server: TCPunch versions 1 and 2 on one port, health and metrics on another.

    python -m containers.rendezvous --port 10000 --metrics-port 10001
    curl http://127.0.0.1:10001/metrics

Environment variables, each of which an option overrides: PORT, METRICS_PORT, METRICS_HOST, MAX_WAITING,
MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS, IDLE_EXIT; and LOG_LEVEL (INFO). SIGTERM, SIGINT and an idle
time stop it gracefully: every waiting client is told to ask again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys

from containers.rendezvous import logs
from containers.rendezvous.limits import Limits
from containers.rendezvous.monitor import Monitor
from containers.rendezvous.periodic_log import PeriodicLog
from containers.rendezvous.ports import allow_connections
from containers.rendezvous.server import RendezvousServer

log = logging.getLogger("rendezvous")

DEFAULT_PORT = 10000
HIGHEST_PORT = 65535
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line and environment. Exits with status 2 when something in either cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m containers.rendezvous",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def number(
        option: str, variable: str, default: int, low: int, text: str, *, high: int | None = None
    ) -> None:
        wanted = f"of at least {low}" if high is None else f"from {low} to {high}"

        def parse(given: str) -> int:
            value = int(given) if given.isascii() and given.isdigit() else -1
            if value < low or (high is not None and value > high):
                raise argparse.ArgumentTypeError(f"a whole number {wanted}, not {given!r}")
            return value

        given = os.environ.get(variable) or str(default)
        parser.add_argument(option, type=parse, default=given, help=f"{text} (default {default}, {variable})")

    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: all)")  # noqa: S104
    number("--port", "PORT", DEFAULT_PORT, 0, "port for clients, 0 for any free one", high=HIGHEST_PORT)
    metrics_host = os.environ.get("METRICS_HOST") or "127.0.0.1"
    parser.add_argument(
        "--metrics-host", default=metrics_host, help="address for health and metrics (default 127.0.0.1)"
    )
    number("--metrics-port", "METRICS_PORT", 0, 0, "its port, 0 for any free one", high=HIGHEST_PORT)
    number("--max-waiting", "MAX_WAITING", Limits.waiting_clients, 1, "clients that may wait")
    number("--max-connections", "MAX_CONNECTIONS", Limits.connections, 1, "connections that may be open")
    number(
        "--max-connections-per-address",
        "MAX_CONNECTIONS_PER_ADDRESS",
        Limits.connections_per_address,
        1,
        "the same from one IP address",
    )
    number("--idle-exit", "IDLE_EXIT", 0, 0, "seconds without a client after which it exits, 0 for never")
    arguments = parser.parse_args(argv)
    arguments.log_level = os.environ.get("LOG_LEVEL") or "INFO"
    if arguments.log_level.upper() not in LOG_LEVELS:
        levels = f"{', '.join(LOG_LEVELS[:-1])} or {LOG_LEVELS[-1]}"
        parser.error(f"LOG_LEVEL has to be {levels}, not {arguments.log_level!r}")
    return arguments


async def serve(arguments: argparse.Namespace, limits: Limits) -> None:
    """Run until a signal or an idle time ends it; the line on stdout tells that both ports are open."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopped.set)
    server = RendezvousServer(arguments.host, arguments.port, limits)
    metrics_host, metrics_port = arguments.metrics_host, arguments.metrics_port
    async with (
        Monitor(metrics_host, metrics_port, health=server.health, metrics=server.render_metrics) as monitor,
        server,
        PeriodicLog(server.metrics),
    ):
        print(f"rendezvous server listening on {server.address}, metrics on {monitor.address}", flush=True)
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(_stop_when_idle(server, arguments.idle_exit, stopped))
            await stopped.wait()
            watch.cancel()


async def _stop_when_idle(server: RendezvousServer, limit_s: int, stopped: asyncio.Event) -> None:
    if not limit_s:
        return
    while (left := limit_s - server.idle_s) > 0:
        await asyncio.sleep(left)
    log.info("idle", extra={"seconds": limit_s})
    stopped.set()


def main(argv: list[str] | None = None) -> int:
    """Exit status 0 after a graceful stop, 1 when a port cannot be had, 2 for wrong arguments."""
    arguments = parse_arguments(argv)
    logs.set_up(arguments.log_level.upper())
    limits = Limits(
        connections=allow_connections(arguments.max_connections),
        connections_per_address=arguments.max_connections_per_address,
        waiting_clients=arguments.max_waiting,
    )
    try:
        asyncio.run(serve(arguments, limits))
    except OSError as error:
        print(error.strerror or error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
