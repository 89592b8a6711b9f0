"""What has to be said of a run that was collected: what it lacks, and what is not as it was asked for."""

from __future__ import annotations

from cosmic_fmi.experiment.results.record import RunRecord
from cosmic_fmi.experiment.ui.console import Reporter

_LEFT_OUT_SHOWN = 8


def remark(record: RunRecord, memory_mb: int, log_wait_s: float, reporter: Reporter) -> None:
    """Say it of a run that was to have ``memory_mb``, whose logs were waited for ``log_wait_s`` seconds."""
    for text in [*_left_out(record), *_logs(record, log_wait_s), *_memory(record, memory_mb)]:
        reporter.message(f"  {text}", "yellow", important=True)


def _left_out(record: RunRecord) -> list[str]:
    said = [f"Left out, {what}" for what in record.left_out[:_LEFT_OUT_SHOWN]]
    more = len(record.left_out) - len(said)
    return [*said, f"... and {more} more: see left_out in ranks.csv"] if more else said


def _logs(record: RunRecord, log_wait_s: float) -> list[str]:
    found, expected = record.row["reports_found"], record.row["reports_expected"]
    if found >= expected:
        return []
    return [
        f"{found} of {expected} REPORT lines found after {log_wait_s:.0f} s: the cost lacks the others; "
        f"`cosmic-fmi logs --execution {record.row['execution_id']}` looks again."
    ]


def _memory(record: RunRecord, wanted_mb: int) -> list[str]:
    found_mb = record.row["memory_mb"]
    if found_mb == wanted_mb:
        return []
    return [
        f"Its ranks had {found_mb} MB of memory instead of {wanted_mb}: something else changed the function "
        "just then, and this run counts as one with what they had."
    ]
