"""Run a program on N functions that talk to each other, and say how long it took, what it cost and what came
out. Without a program it is AstroMAE: redshifts of galaxies.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cosmic_fmi.cli.arguments import argument, memory_size, new_parser, positive
from cosmic_fmi.cli.experiments.program_arguments import (
    Values,
    add_program,
    check_program,
    program_of,
    split_words,
)
from cosmic_fmi.cli.experiments.sweep_arguments import axes_of, sweep_of
from cosmic_fmi.cli.loading import loading
from cosmic_fmi.common.checkout import DESTROY, DESTROY_ON_AWS
from cosmic_fmi.common.numbers import amount, count_from_0
from cosmic_fmi.experiment.errors import ExperimentError
from cosmic_fmi.experiment.plan.plan import DEFAULT_BUDGET_USD

if TYPE_CHECKING:
    from cosmic_fmi.experiment.sweep.session import Options
    from cosmic_fmi.experiment.targets.base import Target
    from cosmic_fmi.experiment.ui.console import Mode

EXAMPLES = """\
examples:
  cosmic-fmi run                                   worlds of 1, 2 and 4 functions on the embedded AWS
  cosmic-fmi run --world-size 8 --batch-size 256
  cosmic-fmi run --target aws --world-size 32 --preflight               would a run find all it needs?
  cosmic-fmi run --target aws --world-size 2 4 8 16 32 --runs 3 --warm-up 1 --output results/sweep
  cosmic-fmi run --resume --output results/sweep   go on where it stopped; the settings are in there
  cosmic-fmi run --memory 2048 4096 10240 --world-size 4 --dry-run      what would it take and cost?
  cosmic-fmi run --target aws --sweep examples/sweep.yaml --budget 5
  cosmic-fmi run pi.py -n 16 -- --samples 5000     a script of your own, with its arguments
  cosmic-fmi run model/ --main solve.py -n 8 --data images/ --env SEED=7 --output results/solve
  cosmic-fmi run fit.py --requirements requirements.txt                 with packages that the image lacks
  cosmic-fmi run fit.py --data s3://my-bucket/spectra --env-from TOKEN=ssm:/cosmic/scripts/token
  cosmic-fmi run --payload my-input.json           an execution input of your own

docs/run.md is about programs of your own, docs/experiments.md explains sweeps
and every file that is written, docs/cost.md the cost line by line.
exit status: 0 every run succeeded, 1 one failed, 2 bad arguments, 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi run`."""
    made = new_parser("run", __doc__, EXAMPLES)
    made.add_argument(
        "--target", choices=("local", "aws"), default="local", help="where to run (default: local)"
    )
    add_program(made)
    _add_sweep(made)
    instead = made.add_mutually_exclusive_group()
    instead.add_argument(
        "--script", type=Path, metavar="FILE.py", help="the same as PROGRAM, in worlds of 1, 2 and 4"
    )
    instead.add_argument(
        "--payload", type=Path, metavar="FILE.json", help="execution input instead of the sample"
    )
    made.add_argument(
        "--requirements",
        type=Path,
        metavar="FILE.txt",
        help="packages that a program or --payload needs and the image lacks, as for pip",
    )
    made.add_argument(
        "--containers",
        action="store_true",
        help="with --target local: run the container images in Docker instead of processes (docs/images.md)",
    )
    made.add_argument(
        "--preflight", action="store_true", help="with --target aws: only check what a run would need there"
    )
    made.add_argument("--output", type=Path, metavar="DIR", help="default: results/<date>-<time>")
    made.add_argument(
        "--resume", action="store_true", help="go on with --output, without what succeeded there already"
    )
    _add_money(made)
    quiet = made.add_mutually_exclusive_group()
    quiet.add_argument("--quiet", action="store_true", help="only what failed and where the report is")
    quiet.add_argument("--json-lines", action="store_true", help="progress as one JSON object a line")
    return made


def _add_sweep(made: argparse.ArgumentParser) -> None:
    sweep = made.add_argument_group("sweep", "every combination of the values given is a setting")
    sweep.add_argument(
        "--world-size",
        "-n",
        action=Values,
        read=positive,
        nargs="+",
        default=[],
        metavar="N",
        help="functions (default: 1 2 4; of a PROGRAM 4)",
    )
    axes: list[tuple[str, Callable[[str], object], str, str]] = [
        ("--batch-size", positive, "N", "galaxies a batch (default: 512)"),
        ("--memory", memory_size, "MB", "of a function (default: as deployed)"),
        ("--partition-mb", argument(amount), "MB", "size of the data files (default: 16 files)"),
        ("--files", positive, "N", "data files to use (default: all)"),
    ]
    for name, read, shown, text in axes:
        sweep.add_argument(name, action=Values, read=read, nargs="+", default=[], metavar=shown, help=text)
    sweep.add_argument("--sweep", type=Path, metavar="FILE.yaml", help="read all of this from a file instead")
    sweep.add_argument("--runs", type=positive, metavar="K", help="repetitions of each setting (default: 1)")
    sweep.add_argument(
        "--warm-up",
        type=argument(count_from_0),
        metavar="K",
        help="marked runs before each memory size's (default: 0, or 1 for the usual runs)",
    )
    order = sweep.add_mutually_exclusive_group()
    order.add_argument("--seed", type=argument(count_from_0), metavar="N", help="of the order (default: 0)")
    order.add_argument("--no-shuffle", action="store_true", help="keep the order of the values")


def _add_money(made: argparse.ArgumentParser) -> None:
    money = made.add_argument_group("cost")
    money.add_argument("--dry-run", action="store_true", help="show the plan, its time and cost; run nothing")
    money.add_argument(
        "--budget",
        type=argument(amount),
        metavar="USD",
        help=f"ask before a plan that costs more (default: {DEFAULT_BUDGET_USD:.2f}; AWS only)",
    )
    money.add_argument("--yes", action="store_true", help="do not ask")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments; a mistake in them ends with exit status 2."""
    made = parser()
    own, words = split_words(argv)
    # The program may stand anywhere: before its options, between them, or behind them.
    arguments = made.parse_intermixed_args(own)
    arguments.words = words
    check_program(made, arguments)
    _check(made, arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run with these arguments; returns the exit status."""
    arguments = parse(sys.argv[1:] if argv is None else argv)
    with loading():
        from cosmic_fmi.experiment.sweep.session import dry_run, run
        from cosmic_fmi.experiment.targets.aws import AwsTarget
        from cosmic_fmi.experiment.targets.local import LocalTarget
        from cosmic_fmi.experiment.ui.command import guarded
        from cosmic_fmi.experiment.ui.console import Reporter

    mode: Mode = "json" if arguments.json_lines else "quiet" if arguments.quiet else "people"
    reporter = Reporter(mode=mode)

    def work() -> int:
        options = options_of(arguments)
        target: Target = (
            LocalTarget(containers=arguments.containers)
            if arguments.target == "local"
            else AwsTarget(world_size=options.largest_world, meets=options.meets)
        )
        if arguments.preflight:
            target.prepare(reporter)
            reporter.message(f"A run of up to {options.largest_world} ranks finds all that it needs.")
            return 0
        if arguments.dry_run:
            dry_run(target, options, reporter)
            return 0
        succeeded = run(target, options, reporter)
        reporter.message(f"Tear down: {DESTROY if arguments.target == 'local' else DESTROY_ON_AWS}")
        return 0 if succeeded else 1

    return guarded(work, reporter)


def _check(made: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Mistakes that the parser cannot see end with exit status 2."""
    if arguments.resume and arguments.output is None:
        made.error("--resume needs the --output that it is to continue")
    if arguments.containers and arguments.target != "local":
        made.error("--containers is for --target local: on AWS functions are containers anyway")
    if arguments.preflight and arguments.target != "aws":
        made.error("--preflight is for --target aws; the embedded AWS has what it needs")
    if arguments.requirements is not None and not (program_of(arguments) or arguments.payload):
        made.error("--requirements is for a program and --payload; a --sweep file has a key for it")
    for name in ("payload", "script", "requirements", "sweep"):
        path = getattr(arguments, name)
        if path is not None and not path.is_file():
            made.error(f"--{name} {path}: there is no such file")
    if arguments.sweep is not None:
        given = [*axes_of(arguments), *(name for name in ("payload", "script") if getattr(arguments, name))]
        if given:
            made.error(f"--sweep and {', '.join(given)}: put it into {arguments.sweep} instead")


def options_of(arguments: argparse.Namespace) -> Options:
    """What the arguments ask for. Raises ExperimentError for a sweep file or record that cannot be used."""
    from cosmic_fmi.experiment.sweep.session import Options

    sweep = sweep_of(arguments)
    if sweep.target not in (None, arguments.target):
        raise ExperimentError(
            f"{arguments.output} was made with --target {sweep.target}: continue it with that, or name "
            "another --output"
        )
    return Options(
        plan=sweep.plan,
        input=sweep.input,
        output=arguments.output or Path("results") / f"{datetime.now():%Y%m%d-%H%M%S}",
        resume=arguments.resume,
        budget_usd=arguments.budget or sweep.budget_usd or DEFAULT_BUDGET_USD,
        assume_yes=arguments.yes,
    )
