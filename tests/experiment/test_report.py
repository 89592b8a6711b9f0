from __future__ import annotations

import io
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from experiment.figures import figures, rank_spans
from experiment.prices import load_prices
from experiment.report import render, write_report
from experiment.summary import Summary
from experiment.table import runs_table
from tests.experiment import rows

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """Checks nesting, and collects what the page refers to and says."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def results(tmp_path: Path) -> Summary:
    summary = Summary(tmp_path)
    summary.add(rows.record("w1-b512-1", world_size=1, duration_s=18.0, map_s=17.0))
    summary.add(rows.record("w2-b512-1"))
    nothing = {"metrics": {}, "samples": 0, "init_s": None, "map_s": None, "summarize_s": None}
    error = "rank <3> failed\n<script>x</script>"
    summary.rows.append(rows.row("w4-b512-1", world_size=4, status="failed", error=error, **nothing))
    summary.write()
    return summary


def test_the_report_is_one_well_formed_file_that_needs_no_other(results: Summary) -> None:
    path = write_report(results, load_prices())
    page = Page(path.read_text())
    assert page.references
    assert all(reference.startswith("data:image/png;base64,") for reference in page.references)
    assert "w2-b512-1" in page.text
    names = {figure.name for figure in (path.parent / "figures").iterdir()}
    assert {"time.png", "speedup.png", "timeline.png", "cost.png", "predictions.png"} <= names


def test_what_comes_from_outside_is_escaped_and_failures_are_told(results: Summary) -> None:
    html = write_report(results, load_prices()).read_text()
    assert "<script>" not in html
    assert "&lt;script&gt;x" in html
    assert "rank &lt;3&gt; failed" in html


def test_only_failed_runs_still_make_a_report() -> None:
    row = rows.row(
        status="failed", error="InputError: no", init_s=None, map_s=None, summarize_s=None, metrics={}
    )
    page = Page(render([row], [], {}, load_prices()))
    assert "0 of 1" in page.text
    assert "InputError: no" in page.text


def test_local_cost_is_said_to_be_what_aws_would_have_cost() -> None:
    assert "would have cost on AWS" in render([rows.row()], [], {}, load_prices())
    assert "would have cost" not in render([rows.row(target="aws")], [], {}, load_prices())


def test_figures_appear_only_where_there_is_something_to_draw() -> None:
    drawn = figures([rows.row()], [], rows.predictions("other"))
    assert set(drawn) == {"time", "cost"}
    bare = rows.row(mode="script", samples=0)
    assert "published" in figures([bare], [], rows.predictions())


def test_spans_of_a_rank_follow_each_other_and_end_with_it() -> None:
    spans = rank_spans(rows.rank())
    assert [name for name, _, _ in spans] == ["cold start", "download", "import", "inference", "other"]
    assert spans[0][1] == pytest.approx(0.7)
    for (_, start, length), (_, following, _) in pairwise(spans):
        assert start + length == pytest.approx(following)
    assert sum(spans[-1][1:]) == pytest.approx(9.0)


def test_rows_read_back_from_csv_draw_the_same() -> None:
    text = {key: "" if value is None else str(value) for key, value in rows.rank().items()}
    assert rank_spans(text) == rank_spans(rows.rank())


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_fits_the_terminal(width: int) -> None:
    console = Console(width=width, file=io.StringIO(), record=True)
    made = [rows.row(), rows.row("w16-b512-1", world_size=16, status="timed_out", metrics={}, init_s=None)]
    console.print(runs_table(made, width))
    text = console.export_text()
    for part in ("world", "total", "1,000", "0.0200", "0.9500", "0.001196", "timed_out"):
        assert part in text


def test_the_table_shows_settings_that_differ() -> None:
    headers = [
        str(column.header) for column in runs_table([rows.row(), rows.row("x", batch_size=64)]).columns
    ]
    assert "batch" in headers
    assert "MB" not in headers
    assert "run" not in headers
    assert "run" in [str(column.header) for column in runs_table([rows.row(), rows.row("again")]).columns]
