"""Each line of what a run costs, and the same work elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from cosmic_fmi.experiment.cost.bill import rendezvous
from cosmic_fmi.experiment.cost.prices import RENDEZVOUS_IDLE_S, load_prices
from cosmic_fmi.experiment.errors import ResultsError
from cosmic_fmi.experiment.model.alternatives import course, ec2, month
from cosmic_fmi.experiment.schema import CostLine, RunRow
from cosmic_fmi.experiment.ui.console import Reporter


def chosen(rows: Sequence[RunRow], wanted: str | None) -> RunRow:
    """The run of this id, or the one that cost most. Raises ResultsError when there is none."""
    if not rows:
        raise ResultsError("there is no run in this folder yet")
    if wanted is None:
        return max(rows, key=lambda row: row["cost_usd"])
    for row in rows:
        if row["run_id"] == wanted:
            return row
    raise ResultsError(f"there is no run {wanted!r}; there are {', '.join(row['run_id'] for row in rows)}")


def show(row: RunRow, reporter: Reporter) -> None:
    """The bill of a run, line by line, and what stands beside it."""
    prices = load_prices(row["region"], row["architecture"])
    reporter.message(
        f"{row['run_id']} at the prices of {row['region']}, {row['architecture']}, of {row['prices_as_of']}, "
        "without the free tier"
    )
    reporter.show(_table(row["cost_lines"], row["cost_usd"]))
    beside = [ec2(row, prices), course(row)]
    reporter.message("The same work elsewhere:")
    reporter.show(_table([line.row() for line in beside if line], None))
    idle = sum(line.amount_usd for line in rendezvous(RENDEZVOUS_IDLE_S, prices))
    always = sum(
        line.amount_usd for line in month(prices, on_demand=False, image_gb=0, stored_gb=0, zone=False)
    )
    reporter.message(
        f"The rendezvous server on demand runs on for {RENDEZVOUS_IDLE_S / 60:.0f} minutes after the last "
        f"execution: ${idle:.4f}. Always on it would cost ${always:.2f} a month."
    )


def _table(lines: Iterable[CostLine], total: float | None) -> Table:
    """Quantity x unit price = amount; with the sum below."""
    table = Table(box=box.SIMPLE_HEAD, show_footer=total is not None)
    table.add_column("what", footer="total")
    table.add_column("quantity", justify="right")
    table.add_column("unit")
    table.add_column("x $", justify="right")
    table.add_column("= $", justify="right", footer="" if total is None else f"{total:.8f}")
    for line in lines:
        table.add_row(
            escape(line["what"]),
            f"{line['quantity']:.8g}",
            line["unit"],
            f"{line['unit_price_usd']:.10f}".rstrip("0"),
            f"{line['amount_usd']:.8f}",
        )
    return table
