"""``report.html``: everything about an experiment in one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmic_fmi.common.files import write_atomically
from cosmic_fmi.experiment.cost.prices import HOURS_A_MONTH, Prices, load_prices
from cosmic_fmi.experiment.errors import ModelError
from cosmic_fmi.experiment.model.alternatives import course, ec2
from cosmic_fmi.experiment.model.observations import fitted
from cosmic_fmi.experiment.model.scaling import ScalingModel
from cosmic_fmi.experiment.report.html import Page, Section, Table, picture
from cosmic_fmi.experiment.report.medians import medians
from cosmic_fmi.experiment.report.pictures import pictures, save
from cosmic_fmi.experiment.report.pictures.canvas import Cell, Picture
from cosmic_fmi.experiment.report.simulation import simulation_section
from cosmic_fmi.experiment.report.tiles import tiles
from cosmic_fmi.experiment.results.folder import Summary
from cosmic_fmi.experiment.results.groups import usable
from cosmic_fmi.experiment.ui.tables import fixed

Rows = Sequence[Mapping[str, Any]]

_TARGETS = {
    "local": "embedded AWS on one machine, whose processors all ranks share",
    "aws": "AWS",
}
_RUN_COLUMNS = (
    *("run", "status", "world", "batch", "memory MB", "partitions", "cold", "total s", "init s", "map s"),
    *("summarize s", "galaxies", "galaxies/s", "Mbit/s", "cost $", "MAE", "NMAD", "R²"),
)


def write_report(summary: Summary, prices: Prices, limits: Sequence[int] = ()) -> Path:
    """Draw the pictures and write ``report.html`` into the experiment's folder; returns its path.

    With ``limits`` (functions at once that an account may have) also what larger work would take.
    """
    model = model_of(summary.rows, summary.ranks)
    drawn = pictures(summary.rows, summary.ranks, summary.predictions, model)
    images = {name: path.read_bytes() for name, path in save(drawn, summary.folder / "figures").items()}
    more = [simulation_section(model, prices, limits)] if limits else []
    path = summary.folder / "report.html"
    text = render(summary.rows, [(one, images[one.name]) for one in drawn], prices, more)
    write_atomically(path, text.encode())
    return path


def model_of(rows: Rows, ranks: Rows) -> ScalingModel | None:
    """The scaling model of these runs; None when they are too few."""
    try:
        return fitted(rows, ranks)
    except ModelError:
        return None


def render(
    rows: Rows, drawn: Sequence[tuple[Picture, bytes]], prices: Prices, more: Sequence[Section] = ()
) -> str:
    """The page for these rows, with pictures and their PNG, and ``more`` sections."""
    started = min((str(row["started_at"]) for row in rows), default="")
    targets = sorted({_TARGETS.get(row["target"], str(row["target"])) for row in rows})
    line = f"{', '.join(targets)} · first run {started[:16].replace('T', ' ')} UTC"
    sections = [
        *_failures(rows),
        *medians(rows),
        *(picture(one, png) for one, png in drawn),
        *_bill(rows),
        _cost_notes(rows, prices),
        *more,
        Section("Runs", table=Table(_RUN_COLUMNS, [_run_line(row) for row in rows])),
    ]
    title = "Serverless inference: experiment report"
    return Page("Experiment report", title, line, tiles(rows), sections=sections).html()


def _failures(rows: Rows) -> list[Section]:
    found = []
    for row in rows:
        if row["status"] != "succeeded":
            first, _, rest = str(row["error"] or "no reason given").partition("\n")
            found.append((str(row["run_id"]), first, rest))
    return [Section("What failed", failures=found)] if found else []


def _run_line(row: Mapping[str, Any]) -> list[Cell]:
    metrics = row["metrics"]
    return [
        f"{row['run_id']} (warm-up)" if row["warm_up"] else str(row["run_id"]),
        str(row["status"]),
        *(row[key] for key in ("world_size", "batch_size", "memory_mb", "files", "cold_starts")),
        *(fixed(row[key], 2) for key in ("duration_s", "init_s", "map_s", "summarize_s")),
        row["samples"],
        fixed(row["samples_per_s"], 1),
        fixed((row["throughput_bps"] or 0) / 1e6, 1),
        fixed(row["cost_usd"], 6),
        *(fixed(metrics.get(key), 4) for key in ("MAE", "Precision", "R2")),
    ]


def _bill(rows: Rows) -> list[Section]:
    """Of the runs that succeeded the one that cost most, line by line, and the same work elsewhere."""
    good = [row for row in usable(rows) if row["cost_lines"]]
    if not good:
        return []
    row = max(good, key=lambda found: found["cost_usd"])
    body: list[list[Cell]] = [_bill_line(line) for line in row["cost_lines"]]
    body.append([f"{row['run_id']}, all lines", None, None, None, row["cost_usd"]])
    prices = load_prices(row["region"], row["architecture"])
    body += [_bill_line(line.row()) for line in (ec2(row, prices), course(row)) if line]
    head = ("what", "quantity", "unit", "x $", "= $")
    note = (
        "Of the runs that succeeded. Below the sum: the same work on EC2, and by the course's figures where "
        "it had this partition size."
    )
    return [Section("The dearest run, line by line", table=Table(head, body), notes=[note])]


def _bill_line(line: Mapping[str, Any]) -> list[Cell]:
    price = f"{line['unit_price_usd']:.12f}".rstrip("0")  # in full, to be checked against AWS's price list
    return [line["what"], line["quantity"], line["unit"], price, line["amount_usd"]]


def _cost_notes(rows: Rows, prices: Prices) -> Section:
    taken = sorted({f"{row['region']} as of {row['prices_as_of']}" for row in rows})
    notes = [f"Prices of {' and '.join(taken)}, in US dollars, without the free tier."] if taken else []
    if any(row["status"] != "succeeded" for row in rows):
        notes.append("Of failed runs only those invocations are counted that left their request id.")
    if any(row["target"] == "local" for row in rows):
        notes.append(
            "These runs were on one machine and cost nothing; shown is what functions that ran as long "
            "would have cost on AWS."
        )
    notes.append(
        "The rendezvous item is the server's share for the time of the execution. A server that is always on "
        f"costs ${prices.rendezvous_hour * HOURS_A_MONTH:.2f} a month in {prices.region}, used or not: make "
        "destroy ends it."
    )
    return Section("What the cost counts", notes=notes)


def prices_for(rows: Rows, region: str | None) -> Prices:
    """The prices of a region, or of where the last run was."""
    if region:
        return load_prices(region)
    return load_prices(rows[-1]["region"], rows[-1]["architecture"]) if rows else load_prices()
