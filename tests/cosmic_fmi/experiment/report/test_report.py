"""The report: one file with everything in it, on every screen."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cosmic_fmi.cli.experiments import report as command
from cosmic_fmi.experiment.cost.prices import load_prices
from cosmic_fmi.experiment.report.pictures import pictures
from cosmic_fmi.experiment.report.report import render, write_report
from cosmic_fmi.experiment.results.folder import Summary
from cosmic_fmi.experiment.results.record import RunRecord
from cosmic_fmi.experiment.schema import CostLine
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
    assert all(reference.startswith(("data:image/png;base64,", "#")) for reference in page.references)
    assert "w2-b512-1" in page.text
    names = {figure.name for figure in (path.parent / "figures").iterdir()}
    for name in ("time", "pareto", "timeline", "cost", "predictions"):
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


def test_what_comes_from_outside_is_escaped_and_failures_are_told(results: Summary) -> None:
    html = (results.folder / "report.html").read_text()
    assert "<script>x" not in html
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
    assert [line[0] for line in scatter.body] == ["outliers beyond 0.05, %", "outliers beyond 0.15, %"]
    text = Page(render([row], [], load_prices())).text
    assert "nan" not in text
    assert "inf" not in text.replace("inference", "")


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


def test_the_table_of_runs_sorts_and_filters(written: Path, tmp_path: Path) -> None:
    click = """<script>
    const table = [...document.querySelectorAll("section")].at(-1);
    const head = [...table.querySelectorAll("th")].find((one) => one.textContent === "total s");
    const times = () => [...table.querySelectorAll("tbody tr:not([hidden])")]
      .map((row) => Number(row.cells[head.cellIndex].textContent));
    head.firstChild.click();
    const up = times().every((value, index, all) => !index || all[index - 1] <= value);
    head.firstChild.click();
    const down = times().every((value, index, all) => !index || all[index - 1] >= value);
    const input = table.querySelector("input");
    input.value = "fmi-w8"; input.dispatchEvent(new Event("input"));
    document.title = `up=${up} down=${down} left=${times().length} sort=${head.getAttribute("aria-sort")}`;
    </script></body>"""
    page = tmp_path / "page.html"
    page.write_text(written.read_text().replace("</body>", click))
    dom = visit(page.as_uri(), tmp_path, "--dump-dom")
    assert "<title>up=true down=true left=1 sort=descending</title>" in dom


def test_the_contents_lead_to_every_section(written: Path) -> None:
    text = written.read_text()
    anchors = re.findall(r'<a href="#([^"]+)">', text)
    assert len(anchors) == len(set(anchors)) == text.count("<section ") > 10
    assert all(f'<section id="{anchor}" ' in text for anchor in anchors)


def test_a_setting_is_named_where_it_is_pointed_at(written: Path) -> None:
    assert re.search(
        r"<circle [^>]+><title>world 16, [^<]+ s, \$[0-9.]+ \(\d warm\)</title>", written.read_text()
    )
