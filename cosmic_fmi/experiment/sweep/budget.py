"""Nobody spends more than they meant to: the plan with its predicted time and cost, and the question before
it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich import box
from rich.table import Table

from cosmic_fmi.common.durations import duration
from cosmic_fmi.common.lambda_limits import LONGEST_RUN_S
from cosmic_fmi.experiment.errors import BudgetError
from cosmic_fmi.experiment.plan.plan import RunSpec
from cosmic_fmi.experiment.sweep.forecast import Forecast
from cosmic_fmi.experiment.ui.console import Reporter
from cosmic_fmi.experiment.ui.tables import fixed


def plan_table(forecast: Forecast) -> Table:
    """One line a run, in the order in which they would be made; the run's name has its setting."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("run", "ranks", "memory MB", "files", "seconds", "cost $"):
        table.add_column(name, justify="left" if name == "run" else "right", no_wrap=True)
    for spec, prediction in forecast.runs:
        settings = prediction.settings
        table.add_row(
            spec.run_id,
            str(settings.world_size),
            str(settings.memory_mb),
            fixed(settings.partitions, 0),
            fixed(forecast.seconds_of(prediction), 1),
            f"at most {prediction.cost_usd:.4f}" if forecast.is_limit else fixed(prediction.cost_usd, 6),
        )
    return table


def plan_line(forecast: Forecast) -> str:
    """The plan in one sentence, with where the numbers come from and how far they may be off."""
    data = "" if not forecast.unknown_data else ", without its data, whose size is not known yet"
    runs = "1 run" if len(forecast.runs) == 1 else f"{len(forecast.runs)} runs"
    if forecast.is_limit:
        return (
            f"{runs}; time and cost are unknown until the program has run once: at most "
            f"${forecast.cost_usd:.4f} on AWS, if every rank runs into Lambda's limit of "
            f"{LONGEST_RUN_S / 60:.0f} minutes."
        )
    time = "how long is unknown until some have run on this machine"
    if forecast.seconds is not None:
        time = f"about {duration(forecast.seconds)}"
    return f"{runs}, {time}; ${forecast.cost_usd:.4f} on AWS{data}: predicted from {forecast.source}."


def confirm(
    forecast: Forecast,
    budget_usd: float,
    reporter: Reporter,
    *,
    assume_yes: bool,
    ask: Callable[[str], str] | None = None,
) -> None:
    """Raises :class:`BudgetError` when the plan costs more than the budget and nobody agrees to it.

    ``ask`` is how to ask; None asks on a terminal and refuses anywhere else.
    """
    if forecast.cost_usd <= budget_usd or assume_yes:
        return
    said = "may cost up to" if forecast.is_limit else "is predicted to cost"
    more = f"the plan {said} ${forecast.cost_usd:.2f}, and the budget is ${budget_usd:.2f}"
    if ask is None and sys.stdin.isatty() and reporter.interactive:
        ask = input
    if ask is None:
        raise BudgetError(f"{more}: add --yes or a higher --budget to go on, or make it smaller")
    if ask(f"{more[0].upper()}{more[1:]}. Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise BudgetError("nothing was run: you did not agree to the predicted cost")


class Spending:
    """What the runs of a session have cost so far; stops before the next one would pass the budget."""

    def __init__(self, limit_usd: float | None) -> None:
        self.limit_usd = limit_usd
        """None for no limit."""
        self.spent_usd = 0.0

    def check(self, spec: RunSpec, predicted_usd: float) -> None:
        """Raises :class:`BudgetError` before a run that would pass the limit."""
        if self.limit_usd is not None and self.spent_usd + predicted_usd > self.limit_usd:
            raise BudgetError(
                f"stopped before {spec.run_id}: ${self.spent_usd:.4f} are spent, and it is predicted to cost "
                f"${predicted_usd:.4f}, which would pass the budget of ${self.limit_usd:.2f}: continue with "
                "--resume and --yes or a higher --budget"
            )
