"""Propose the best setting for a piece of work, run it, and show how far the prediction was off."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cosmic_fmi.cli.arguments import argument, new_parser, positive
from cosmic_fmi.cli.experiments import run as run_experiment
from cosmic_fmi.cli.loading import loading
from cosmic_fmi.common.numbers import amount
from cosmic_fmi.experiment.model.goals import GOALS

if TYPE_CHECKING:
    from cosmic_fmi.experiment.model.prediction import Prediction

EXAMPLES = """\
examples:
  cosmic-fmi tune --dry-run      the balanced setting for the sample, by published figures
  cosmic-fmi tune --from results/sweep --goal cost --deadline 60
  cosmic-fmi tune --target aws --from results/sweep --goal time --budget 0.05 --max-world 100
  cosmic-fmi tune --target aws --payload mine.json --galaxies 51130 --partitions 10 --goal balanced

exit status: 0 done, 1 nothing meets the wishes or a run failed, 2 bad arguments, 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi tune`."""
    made = new_parser("tune", __doc__, EXAMPLES)
    made.add_argument(
        "--goal", choices=GOALS, default="balanced", help="balanced: least time x cost (default: balanced)"
    )
    made.add_argument(
        "--deadline", type=argument(amount), metavar="S", help="seconds that an execution may take"
    )
    made.add_argument(
        "--budget", type=argument(amount), metavar="USD", help="dollars that an execution may cost"
    )
    made.add_argument("--target", choices=("local", "aws"), default="local", help="default: local")
    made.add_argument(
        "--from",
        dest="results",
        type=Path,
        metavar="DIR",
        help="results to predict from (default: published)",
    )
    made.add_argument(
        "--max-world", type=positive, metavar="N", help="most functions at once (default: local 8, aws 32)"
    )
    made.add_argument("--payload", type=Path, metavar="FILE.json", help="own work instead of the sample")
    made.add_argument("--galaxies", type=positive, metavar="N", help="galaxies of the payload's data")
    made.add_argument("--partitions", type=positive, metavar="N", help="files of the payload's data")
    made.add_argument(
        "--region", default="us-east-1", help="whose prices to predict with (default: us-east-1)"
    )
    made.add_argument("--runs", type=positive, default=3, metavar="K", help="repetitions (default: 3)")
    made.add_argument("--output", type=Path, metavar="DIR", help="default: results/tune-<date>-<time>")
    made.add_argument("--yes", action="store_true", help="do not ask before spending")
    made.add_argument("--dry-run", action="store_true", help="only propose")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Tune with these arguments; returns the exit status."""
    made = parser()
    arguments = made.parse_args(argv)
    if bool(arguments.payload) != bool(arguments.galaxies) or bool(arguments.payload) != bool(
        arguments.partitions
    ):
        made.error("--payload, --galaxies and --partitions belong together: the model has to know the data")
    with loading():
        from cosmic_fmi.experiment.model.tuned import outcome, outcome_table, write_outcome
        from cosmic_fmi.experiment.model.tuning import Objective
        from cosmic_fmi.experiment.report.proposal import Task, proposal
        from cosmic_fmi.experiment.results.reading import open_results
        from cosmic_fmi.experiment.ui.command import command_line, guarded
        from cosmic_fmi.experiment.ui.console import Reporter

    reporter = Reporter()
    task = Task(
        arguments.target,
        arguments.results,
        arguments.max_world,
        arguments.galaxies,
        arguments.partitions,
        arguments.region,
    )

    def work() -> int:
        objective = Objective(arguments.goal, arguments.deadline, arguments.budget)
        model, best = proposal(task, objective, reporter)
        if arguments.dry_run:
            return 0
        output = arguments.output or Path("results") / f"tune-{datetime.now():%Y%m%d-%H%M%S}"
        status = run_experiment.main(_command(arguments, best, output, [best.settings.world_size]))
        if status:
            return status
        found = outcome(best, open_results(output).rows)
        if found is None:
            reporter.message("No run has the proposed setting: the payload names another.", "red")
            return 1
        reporter.console.print(outcome_table(found))
        write_outcome(found, model.source, output / "tuning.json")
        around = output.with_name(f"{output.name}-around")
        sweep = _command(arguments, best, around, _worlds_around(best))
        reporter.message(f"Next: measure around it: {command_line('run', *sweep)}")
        again = ["--target", arguments.target, "--from", str(around)]
        reporter.message(f"then: {command_line('tune', *again)}")
        return 0

    return guarded(work, reporter)


def _worlds_around(best: Prediction) -> list[int]:
    """World sizes to compare the proposed one with: a model needs more than one setting."""
    settings = best.settings
    most = settings.partitions or settings.world_size
    return sorted({max(1, settings.world_size // 2), settings.world_size, min(most, 2 * settings.world_size)})


def _command(
    arguments: argparse.Namespace, best: Prediction, output: Path, worlds: Sequence[int]
) -> list[str]:
    settings = best.settings
    command = ["--target", arguments.target, "--runs", str(arguments.runs), "--output", str(output)]
    command += ["--world-size", *map(str, worlds), "--batch-size", str(settings.batch_size)]
    # The sample is cut for the largest world of a sweep, unless it is told what the prediction was for.
    command += [] if arguments.payload else ["--files", str(settings.partitions)]
    command += [] if arguments.target == "local" else ["--memory", str(settings.memory_mb)]
    command += ["--yes"] if arguments.yes else []
    return command + (["--payload", str(arguments.payload)] if arguments.payload else [])
