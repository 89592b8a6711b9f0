"""``python -m experiment.bill DIR``: each line of what a run costs, and the same work elsewhere."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from experiment.alternatives import course, ec2, month
from experiment.command import guarded
from experiment.console import Reporter
from experiment.cost import rendezvous
from experiment.errors import ResultsError
from experiment.prices import RENDEZVOUS_IDLE_S, load_prices
from experiment.results import open_results
from experiment.rows import CostLine, RunRow

EXAMPLES = """\
examples:
  python -m experiment.bill results/sweep                 the run that cost most
  python -m experiment.bill results/sweep w4-b512-1       this one

docs/cost.md explains each line.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run with these arguments; returns the exit status."""
    made = argparse.ArgumentParser(
        prog="python -m experiment.bill",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("folder", type=Path, metavar="DIR", help="an experiment's output")
    made.add_argument("run", nargs="?", metavar="RUN", help="its run_id")
    arguments = made.parse_args(argv)
    reporter = Reporter()

    def work() -> int:
        show(_row(open_results(arguments.folder).rows, arguments.run), reporter)
        return 0

    return guarded(work, reporter)


def _row(rows: Sequence[RunRow], wanted: str | None) -> RunRow:
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
    reporter.say(
        f"{row['run_id']} at the prices of {row['region']}, {row['architecture']}, of {row['prices_as_of']}, "
        "without the free tier"
    )
    reporter.show(_table(row["cost_lines"], row["cost_usd"]))
    beside = [ec2(row, prices), course(row)]
    reporter.say("The same work elsewhere:")
    reporter.show(_table([line.row() for line in beside if line], None))
    idle = sum(line.amount_usd for line in rendezvous(RENDEZVOUS_IDLE_S, prices))
    always = sum(
        line.amount_usd for line in month(prices, on_demand=False, image_gb=0, stored_gb=0, zone=False)
    )
    reporter.say(
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


if __name__ == "__main__":
    sys.exit(main())
