"""What is written about an experiment: the keys of a run in ``summary.json`` and of a rank in ``ranks.csv``.

Times are seconds, sizes of functions MB as Lambda counts them (2^20 bytes), sizes of data MB of 10^6 bytes,
money US dollars. docs/experiments.md shows the same to people; a test compares the two.
"""

from __future__ import annotations

from typing import TypedDict

SCHEMA_VERSION = 2
"""Of :class:`RunRow`; a folder with another one is refused, never rewritten."""

PHASES = (
    "init",
    "start",
    "download",
    "import",
    "setup",
    "inference",
    "reduce",
    "summarize",
    "other",
)
"""The keys of :attr:`RunRow.phases`, in the order in which they happen; ``other`` comes last."""


class CostLine(TypedDict):
    """One line of a bill: ``quantity`` x ``unit_price_usd`` = ``amount_usd``."""

    item: str
    """Key of ``cost_breakdown`` that this line belongs to, such as ``lambda_compute``."""
    what: str
    """For people: ``ranks: 4 invocations, 12.345 s at 3008 MB``."""
    quantity: float
    unit: str
    """``GB-second``, ``request``, ``state transition``, ``GB``, ``vCPU-hour``, ``GB-hour``, ``hour``."""
    unit_price_usd: float
    amount_usd: float


class Rendezvous(TypedDict):
    """What the rendezvous server logged while the execution ran, with what else used it at that time."""

    pairs: int
    """Pairs of ranks that it introduced to each other."""
    wait_s: float
    """Seconds that the first of each pair waited for the second, summed."""
    longest_wait_s: float


class RunRow(TypedDict):
    """One execution. What a failed run did not get to is None, 0 or empty, never invented."""

    schema_version: int
    run_id: str
    """Setting and repetition, such as ``w4-b512-m2048-1``; unique in an experiment, the same when resumed."""
    execution_id: str
    """Name of the Step Functions execution."""
    target: str
    """``local`` or ``aws``."""
    region: str
    """The region whose prices were used; of the deployment."""
    architecture: str
    """``x86_64`` or ``arm64``."""
    mode: str
    """``data-parallel`` or ``script``."""
    source: str
    """``sample``, or the stem of the payload's or script's file."""
    world_size: int
    batch_size: int | None
    memory_mb: int
    """Memory of a rank's function."""
    ephemeral_mb: int
    """Size of a rank's /tmp."""
    partition_mb: float | None
    """Size of a partition (10^6 bytes): as asked for, or else what the ranks moved to and from S3, divided by
    the files; None without data."""
    files: int | None
    """Partitions that were dealt out to the ranks; None when Initialize did not get that far."""
    repetition: int
    """From 1; of a warm-up, which one before this part of the sweep."""
    warm_up: bool
    """Made only to start environments; left out of medians and fits."""
    order: int
    """Position in the sweep, from 0, in the (shuffled) order in which runs are made."""
    status: str
    """``succeeded``, ``failed``, ``timed_out``, ``aborted``."""
    error: str | None
    started_at: str
    """ISO 8601, UTC."""
    duration_s: float
    """Of the execution, by Step Functions."""
    init_s: float | None
    """State Initialize."""
    map_s: float | None
    """The Map: from the first rank's start to the last one's end."""
    summarize_s: float | None
    """State Summarize."""
    phases: dict[str, float]
    """Where ``duration_s`` went, along the rank that ended last: the keys of :data:`PHASES`, which add up to
    it. ``start`` is waiting for the rendezvous server, the Map's own time and a cold start; ``download`` the
    bundle's and waiting for data; ``import`` libraries and model; ``setup`` connecting; ``other`` what is
    left. Empty when no rank ended."""
    samples: int
    samples_per_s: float | None
    """``samples`` / ``duration_s``."""
    data_bytes: int
    """What the ranks' scripts counted to and from S3, summed."""
    throughput_bps: float
    """Bits a second through the model, summed over the ranks."""
    cold_starts: int
    """Ranks whose REPORT line has an Init Duration."""
    warm_starts: int
    """Ranks whose REPORT line has none."""
    reports_found: int
    """REPORT lines that were found, of ranks, Initialize, FindRendezvous and Summarize."""
    reports_expected: int
    """Requests of this execution whose id is known."""
    rendezvous: Rendezvous | None
    """None when no rank had to meet another, or the server's log has nothing about it."""
    cost_usd: float
    """The plain sum of ``cost_breakdown``; of a local run: what it would have cost on AWS."""
    cost_breakdown: dict[str, float]
    """US dollars by item: the sums of ``cost_lines``."""
    cost_lines: list[CostLine]
    prices_as_of: str
    """Date of the price table."""
    metrics: dict[str, float]
    """MAE, MSE, Bias, Precision, R2 of the whole world; empty where the script has none."""


ROW_KEYS = tuple(RunRow.__annotations__)

RANK_COLUMNS = {
    "run_id": "the run it belongs to",
    "warm_up": "whether that run is a warm-up",
    "rank": "0 to world size - 1",
    "status": "`succeeded` or `failed`",
    "error_type, error_message, exit_code": "how its script ended; empty error and 0 when it succeeded",
    "log_stream": "CloudWatch stream of its environment",
    "cold_start": "whether it was its environment's first invocation, by the handler",
    "execution_started_at": "start of the execution, seconds since 1970, by Step Functions",
    "started_at, ended_at": "of the handler, seconds since 1970, by the function's clock",
    "download_seconds, download_bytes": "of the bundle, its packages and, with `--data`, its files",
    "objects_downloaded, objects_cached": "objects of the bundle that were fetched, and that were there",
    "output_files, output_bytes": "of what it left in `OUTPUT_PATH`",
    "phases.*": "seconds by phase, as the script measured them: import, download, setup, inference, reduce",
    "fmi.*": "FMI's set-up time (s), bytes, and per operation calls, seconds and bytes",
    "metrics.*, world_metrics.*": "of its own galaxies, and of everybody's",
    "left_out": "what of its result and predictions did not fit, and is in its own files only",
    "report.request_id": "Lambda's id of the invocation",
    "report.duration_ms, report.billed_ms, report.init_ms": "of the REPORT line; no init_ms: a warm start",
    "report.memory_mb, report.max_memory_mb": "of the REPORT line",
}
"""Columns of ``ranks.csv`` and what they hold; the others are the keys of a rank's result (DESIGN 3.3)."""
