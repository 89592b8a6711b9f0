from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmic_fmi.experiment.aws.lambda_logs import Report, invocations, parse_report

# PUBLISHED.md: the course's own REPORT lines.
COLD = (
    "REPORT RequestId: 11111111-aaaa\tDuration: 6434.80 ms\tBilled Duration: 7381 ms\t"
    "Memory Size: 10240 MB\tMax Memory Used: 645 MB\tInit Duration: 945.56 ms\t\n"
)
WARM = (
    "REPORT RequestId: 22222222-bbbb\tDuration: 11879.83 ms\tBilled Duration: 12578 ms\t"
    "Memory Size: 10240 MB\tMax Memory Used: 1960 MB\t\n"
)


def test_a_cold_start_has_an_init_duration() -> None:
    assert parse_report(COLD) == Report("11111111-aaaa", 6434.80, 7381.0, 10240, 645, 945.56)


def test_a_warm_start_has_none() -> None:
    report = parse_report(WARM)
    assert report is not None
    assert report.init_ms is None
    assert not report.cold_start


def test_status_and_tracing_fields_do_not_disturb() -> None:
    extended = COLD.rstrip("\n") + "XRAY TraceId: 1-5e\tSegmentId: 1\tSampled: true\tStatus: timeout\n"
    assert parse_report(extended) == parse_report(COLD)


def test_json_log_format() -> None:
    metrics = {
        "durationMs": 5.5,
        "billedDurationMs": 6,
        "memorySizeMB": 128,
        "maxMemoryUsedMB": 40,
        "initDurationMs": 1.5,
    }
    record = {"requestId": "r", "metrics": metrics, "status": "success"}
    message = json.dumps({"time": "2026-11-21T10:00:00Z", "type": "platform.report", "record": record})
    assert parse_report(message) == Report("r", 5.5, 6.0, 128, 40, 1.5)


@pytest.mark.parametrize(
    "message",
    [
        "START RequestId: r Version: $LATEST",
        "{not json",
        '{"type": "platform.start"}',
        "[1]",
        "REPORT RequestId: r\tDura",
        "",
    ],
)
def test_anything_else_is_no_report(message: str) -> None:
    assert parse_report(message) is None


def event(stream: str, at: int, message: str) -> dict[str, Any]:
    return {"logStreamName": stream, "timestamp": at, "message": message}


def test_lines_belong_to_the_request_between_start_and_report_of_their_stream() -> None:
    found = invocations(
        [
            event("a", 1, "START RequestId: 11111111-aaaa Version: $LATEST\n"),
            event("b", 1, "START RequestId: 22222222-bbbb Version: $LATEST\n"),
            event("a", 2, "loading\n"),
            event("b", 2, "other\n"),
            event("a", 3, "END RequestId: 11111111-aaaa\n"),
            event("a", 3, COLD),
            event("b", 4, WARM),
        ]
    )
    first = found["11111111-aaaa"]
    assert first.lines[1] == "loading"
    assert len(first.lines) == 4
    assert "other" in found["22222222-bbbb"].lines
    assert first.report == parse_report(COLD)
    expected = sum(len(text) + 26 for text in (*(f"{line}\n" for line in first.lines[:3]), COLD))
    assert first.ingested_bytes == expected


def test_output_is_what_the_function_printed_itself() -> None:
    start = json.dumps(
        {"time": "2026-11-21T10:00:00Z", "type": "platform.start", "record": {"requestId": "r"}}
    )
    messages = [
        "INIT_START Runtime Version: python:3.11",
        start,
        "hello",
        '{"type": "galaxy"}',
        "END RequestId: r",
    ]
    events = [
        {"logStreamName": "s", "timestamp": time, "message": message} for time, message in enumerate(messages)
    ]
    assert invocations(events)["r"].output == ["hello", '{"type": "galaxy"}']


REPORTS = st.builds(
    Report,
    request_id=st.uuids().map(str),
    duration_ms=st.integers(0, 90_000_000).map(lambda value: value / 100),
    billed_ms=st.integers(1, 900_000).map(float),
    memory_mb=st.integers(128, 10_240),
    max_memory_mb=st.integers(1, 10_240),
    init_ms=st.none() | st.integers(1, 1_000_000).map(lambda value: value / 100),
)


def as_text(report: Report) -> str:
    """A REPORT line as AWS writes it."""
    init = "" if report.init_ms is None else f"Init Duration: {report.init_ms:.2f} ms\t"
    return (
        f"REPORT RequestId: {report.request_id}\tDuration: {report.duration_ms:.2f} ms\t"
        f"Billed Duration: {report.billed_ms:.0f} ms\tMemory Size: {report.memory_mb} MB\t"
        f"Max Memory Used: {report.max_memory_mb} MB\t{init}\n"
    )


def as_json(report: Report) -> str:
    """The same with the JSON log format."""
    metrics = {
        "durationMs": report.duration_ms,
        "billedDurationMs": report.billed_ms,
        "memorySizeMB": report.memory_mb,
        "maxMemoryUsedMB": report.max_memory_mb,
    }
    if report.init_ms is not None:
        metrics["initDurationMs"] = report.init_ms
    return json.dumps(
        {"type": "platform.report", "record": {"requestId": report.request_id, "metrics": metrics}}
    )


@given(REPORTS)
@settings(deadline=None)
def test_text_and_json_say_the_same(report: Report) -> None:
    assert parse_report(as_text(report)) == parse_report(as_json(report)) == report


@given(REPORTS, st.integers(0, 250))
@settings(deadline=None)
def test_a_line_that_was_cut_short_has_no_wrong_number(report: Report, cut: int) -> None:
    assert parse_report(as_json(report)[:cut]) in (None, report)
    found = parse_report(as_text(report)[:cut])
    # The Init Duration comes last, and may be what was cut off.
    assert found in (None, report, replace(report, init_ms=None))
