"""The report, its pictures and the table on the terminal."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from statistics import median
from xml.etree import ElementTree

import pytest
from rich.console import Console

from cosmic_fmi.cli.experiments import report as command
from cosmic_fmi.experiment.cost.prices import load_prices
from cosmic_fmi.experiment.report.pictures import pictures
from cosmic_fmi.experiment.report.pictures.timeline import rank_spans
from cosmic_fmi.experiment.report.report import render, write_report
from cosmic_fmi.experiment.results.folder import Summary
from cosmic_fmi.experiment.results.record import RunRecord
from cosmic_fmi.experiment.schema import CostLine, RunRow
from cosmic_fmi.experiment.ui.tables import runs_table, shown
from tests.cosmic_fmi.experiment.support import rows
from tests.cosmic_fmi.experiment.support.browser import look, visit
from tests.cosmic_fmi.experiment.support.sweeps import sweep

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """Checks nesting, and collects what the page refers to and says."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.alts: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for name, value in attrs if name in ("src", "href")]
        self.alts += [dict(attrs).get("alt") or ""] if tag == "img" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """Two runs that succeeded and one that failed, with a report."""
    summary = Summary(tmp_path_factory.mktemp("results"))
    summary.add(rows.record("w1-b512-1", world_size=1, duration_s=18.0, map_s=17.0))
    summary.add(rows.record("w2-b512-1"))
    nothing = {"metrics": {}, "samples": 0, "init_s": None, "map_s": None, "summarize_s": None, "phases": {}}
    error = "rank <3> failed\n<script>x</script>"
    summary.rows.append(rows.row("w4-b512-1", world_size=4, status="failed", error=error, **nothing))
    summary.write()
    write_report(summary, load_prices())
    return summary


@pytest.fixture(scope="module")
def whole_sweep(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """Everything that a report can show: all axes, a script without data, failures, predictions."""
    summary = Summary(tmp_path_factory.mktemp("sweep"))
    grid, of_ranks = sweep(worlds=(1, 2, 16), batches=(64, 512), memories=(1024, 10_240), repetitions=3)
    bare, _ = sweep(worlds=(2, 8), galaxies=0, source="fmi", prefix="fmi-")
    summary.rows += [*grid, *bare]
    summary.ranks += of_ranks
    last = rows.record(grid[-1]["run_id"])
    summary.add(
        RunRecord(grid[-1], [r for r in of_ranks if r["run_id"] == grid[-1]["run_id"]], last.predictions)
    )
    return summary


@pytest.fixture(scope="module")
def written(whole_sweep: Summary) -> Path:
    """The report of the whole sweep."""
    return write_report(whole_sweep, load_prices(), (10, 1000))


def test_the_report_is_one_well_formed_file_that_needs_no_other(results: Summary) -> None:
    path = results.folder / "report.html"
    page = Page(path.read_text())
    assert page.references
    assert all(reference.startswith("data:image/png;base64,") for reference in page.references)
    assert "w2-b512-1" in page.text
    names = {figure.name for figure in (path.parent / "figures").iterdir()}
    for name in ("time", "speedup", "timeline", "cost", "predictions"):
        assert {f"{name}.png", f"{name}.svg", f"{name}.csv"} <= names


def test_every_picture_is_described_and_has_its_numbers_as_a_table(
    whole_sweep: Summary, written: Path
) -> None:
    page = Page(written.read_text())
    drawn = pictures(whole_sweep.rows, whole_sweep.ranks, whole_sweep.predictions)
    assert len(page.alts) >= len(drawn) > 7
    assert all(len(alt) > 40 for alt in page.alts)
    for picture in drawn:
        assert picture.title in page.text
        assert picture.caption in page.text
        lines = list(
            csv.reader((written.parent / "figures" / f"{picture.name}.csv").read_text().splitlines())
        )
        assert lines[0] == list(picture.head)
        assert len(lines) == len(picture.body) + 1 > 1
        svg = ElementTree.parse(written.parent / "figures" / f"{picture.name}.svg")  # noqa: S314 - our own file
        assert svg.getroot().tag.endswith("svg")


def test_pictures_appear_only_where_there_is_something_to_draw() -> None:
    def names(*made: RunRow) -> set[str]:
        return {picture.name for picture in pictures(made, [], rows.predictions("other"))}

    assert names() == set()
    assert names(rows.row()) == {"time", "cost"}
    assert names(rows.row(), rows.row(world_size=4)) == {"time", "cost", "speedup"}
    assert names(rows.row(), rows.row(batch_size=64)) == {"time", "cost", "batch"}
    assert names(rows.row(), rows.row(memory_mb=128)) == {"time", "cost", "memory"}
    assert names(rows.row(), rows.row(files=8, partition_mb=3.2)) == {"time", "cost", "partition-size"}
    assert names(rows.row(), rows.row(files=8)) == {"time", "cost", "partitions"}
    assert names(rows.row(mode="script", samples=0)) == {"time", "cost", "published"}
    assert names(rows.row(warm_up=True), rows.row(status="failed")) == set()


def test_a_setting_with_several_runs_has_an_interval_around_its_median() -> None:
    made = [rows.row(f"w2-{n}", duration_s=seconds) for n, seconds in enumerate((9.0, 10.0, 14.0, 10.5, 9.5))]
    time = next(
        picture for picture in pictures(made, [], rows.predictions("other")) if picture.name == "time"
    )
    world, runs, value, low, high = time.body[0][:5]
    assert (world, runs, value) == (2, 5, 10.0)
    assert 9.0 <= float(low or 0) < 10.0 < float(high or 0) <= 14.0


@pytest.mark.parametrize("repetitions", [1, 2, 3])
def test_phases_in_the_picture_add_up_to_the_median(repetitions: int) -> None:
    made, _ = sweep(worlds=(1, 4), repetitions=repetitions)
    drawn = pictures(made, [], rows.predictions("other"))
    time = next(picture for picture in drawn if picture.name == "time")
    for line, world in zip(time.body, (1, 4), strict=True):
        durations = [row["duration_s"] for row in made if row["world_size"] == world]
        assert sum(float(cell or 0) for cell in line[5:]) == pytest.approx(median(durations))


def test_what_comes_from_outside_is_escaped_and_failures_are_told(results: Summary) -> None:
    html = (results.folder / "report.html").read_text()
    assert "<script>" not in html
    assert "&lt;script&gt;x" in html
    assert "rank &lt;3&gt; failed" in html


def test_only_failed_runs_still_make_a_report() -> None:
    row = rows.row(
        status="failed", error="InputError: no", init_s=None, map_s=None, summarize_s=None, metrics={}
    )
    page = Page(render([row], [], load_prices()))
    assert "0 of 1" in page.text
    assert "InputError: no" in page.text


def test_failed_runs_and_warm_ups_are_in_the_sum_of_what_was_spent() -> None:
    failed = rows.row("w4-1", status="failed", error="x", cost_usd=0.25)
    warm_up = rows.row("warm-1", warm_up=True, cost_usd=0.5)
    assert (
        "$1.0000all runs together"
        in Page(render([rows.row(cost_usd=0.25), failed, warm_up], [], load_prices())).text
    )
    assert "$0.2500all runs together" in Page(render([failed], [], load_prices())).text


def test_a_metric_that_is_no_number_is_not_shown() -> None:
    nan = float("nan")
    row = rows.row(metrics={"MAE": nan, "R2": nan, "Bias": float("inf")}, throughput_bps=nan)
    [scatter] = [one for one in pictures([row], [], rows.predictions()) if one.name == "predictions"]
    assert scatter.body == []
    text = Page(render([row], [], load_prices())).text
    assert "nan" not in text
    assert "inf" not in text.replace("inference", "")


def test_a_phase_is_counted_once_a_rank_in_the_timeline() -> None:
    """The bundle's download and waiting for data are one phase of 0.5 + 2 s."""
    made = [
        {**rows.rank(number=number), "phases.download": 2.0, "phases.inference": 3.0} for number in (0, 1)
    ]
    [drawn] = [
        one for one in pictures([rows.row()], made, rows.predictions("other")) if one.name == "timeline"
    ]
    assert ["download", 2, 2.5, 2.5, 2.5] in [list(line) for line in drawn.body]


def test_local_cost_is_said_to_be_what_aws_would_have_cost() -> None:
    assert "would have cost on AWS" in render([rows.row()], [], load_prices())
    assert "would have cost" not in render([rows.row(target="aws")], [], load_prices())


def test_the_dearest_run_is_explained_line_by_line() -> None:
    line = CostLine(
        item="lambda_compute",
        what="ranks: 2 x 3008 MB, 12.000 s billed",
        quantity=35.25,
        unit="GB-second",
        unit_price_usd=0.0000166667,
        amount_usd=0.000587501175,
    )
    page = Page(render([rows.row(cost_lines=[line], cost_usd=line["amount_usd"])], [], load_prices()))
    for part in (
        "The dearest run, line by line",
        line["what"],
        "35.25",
        "0.0000166667",
        "0.0005875",
        "c5 machines",
    ):
        assert part in page.text


def test_a_report_can_be_written_anew_with_the_simulation(
    results: Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (results.folder / "summary.json").read_bytes()
    assert command.main([str(results.folder), "--simulate"]) == 0
    assert "Report:" in capsys.readouterr().out
    page = Page((results.folder / "report.html").read_text())
    assert "Simulation: larger work on AWS" in page.text
    assert "Predicted, not measured" in page.text
    assert (results.folder / "summary.json").read_bytes() == before


def test_a_full_disk_is_said_with_the_picture_that_found_no_room(
    results: Summary, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert command.main([str(results.folder)]) == 1
    assert ".png: No space left on device" in " ".join(capsys.readouterr().out.split())


def test_prices_of_another_region_are_not_said_to_be_those_of_the_runs(results: Summary) -> None:
    assert command.main([str(results.folder), "--region", "eu-central-1"]) == 0
    text = " ".join(Page((results.folder / "report.html").read_text()).text.split())
    assert "Prices of us-east-1 as of" in text
    assert "a month in eu-central-1" in text


@pytest.mark.parametrize("content", [None, "[", json.dumps([{"run_id": "of another version"}])])
def test_a_folder_without_usable_results_is_refused_and_left_alone(
    tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "summary.json").write_text(content)
    assert command.main([str(tmp_path)]) == 1
    assert "Error: " in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ([] if content is None else ["summary.json"])


@pytest.mark.parametrize(
    ("width", "cut"),
    [(320, None), (390, None), (1000, 1), (1600, 0)],  # at 1000 pixels only the table of runs is wider
)
def test_on_every_screen_nothing_sticks_out_and_nothing_is_loaded(
    written: Path, tmp_path: Path, width: int, cut: int | None
) -> None:
    found = look(written.read_bytes(), tmp_path, width)
    assert (found.window, found.content, found.broken, found.loaded) == (width, width, 0, set())
    assert found.images == len(Page(written.read_text()).alts)
    assert cut is None or found.cut == cut


def test_such_a_look_finds_what_sticks_out_and_what_is_loaded(written: Path, tmp_path: Path) -> None:
    bad = (
        written.read_text()
        .replace(".scroll {", ".unused {")
        .replace("minmax(9.6rem, 1fr)", "5rem")
        .replace("<body>", '<body><img src="http://elsewhere.example/pixel.png"/>')
    )
    found = look(bad.encode(), tmp_path, 390)
    assert found.content > found.window == 390
    assert found.broken > 0
    assert found.loaded == {"elsewhere.example/pixel.png"}


def test_it_prints(written: Path, tmp_path: Path) -> None:
    printed = tmp_path / "report.pdf"
    visit(written.as_uri(), tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={printed}")
    content = printed.read_bytes()
    assert content.startswith(b"%PDF")
    assert content.count(b"/Subtype /Image") >= len(Page(written.read_text()).alts)


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


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, "-"),
        ("x", "x"),
        (1234, "1,234"),
        (12.345678, "12.35"),
        (0.00001234, "0.00001234"),
        (0.0, "0.00"),
    ],
)
def test_numbers_keep_four_digits_that_count(cell: str | float | None, text: str) -> None:
    assert shown(cell) == text


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


def test_where_a_terminal_is_narrow_the_least_important_columns_are_left_out() -> None:
    made = [
        rows.row(f"w{world}-b{batch}-1", world_size=world, batch_size=batch)
        for world in (1, 2)
        for batch in (64, 512)
    ]
    made.append(rows.row("w1-b64-2", world_size=1, batch_size=64))
    for width in (60, 80, 100, 140):
        console = Console(width=width, file=io.StringIO(), record=True)
        console.print(runs_table(made, width))
        text = console.export_text()
        assert "…" not in text
        for part in ("w1-b64-2", "status", "total", "cost $"):
            assert part in text
