#!/usr/bin/env python3
"""Run AstroMAE on N functions that talk to each other, and say how long it took, what it cost and what came
out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also from a clone that is not installed

from experiment.command import guarded, memory_size, positive
from experiment.console import Reporter
from experiment.plan import plan
from experiment.sweep import Options, run
from experiment.targets import AwsTarget, LocalTarget, Target

EXAMPLES = """\
examples:
  run_experiment.py                                   worlds of 1, 2 and 4 functions on the embedded AWS
  run_experiment.py --world-size 8 --batch-size 256
  run_experiment.py --target aws --world-size 2 4 8 16 32 --runs 3 --output results/sweep
  run_experiment.py --target aws --world-size 2 4 8 16 32 --runs 3 --output results/sweep --resume
  run_experiment.py --memory 2048 4096 10240 --world-size 4
  run_experiment.py --script hello.py --world-size 4  a script of your own; shows what each rank printed
  run_experiment.py --payload my-input.json           an execution input of your own

exit status: 0 every run succeeded, 1 one failed, 2 bad arguments, 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    made = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--target", choices=("local", "aws"), default="local", help="where to run (default: local)"
    )
    made.add_argument(
        "--world-size", type=positive, nargs="+", default=[], metavar="N", help="default: 1 2 4"
    )
    made.add_argument("--batch-size", type=positive, nargs="+", default=[], metavar="N", help="default: 512")
    made.add_argument("--memory", type=memory_size, nargs="+", default=[], metavar="MB", help="of a function")
    made.add_argument(
        "--runs", type=positive, default=1, metavar="K", help="repetitions of each setting (default: 1)"
    )
    instead = made.add_mutually_exclusive_group()
    instead.add_argument("--script", type=Path, metavar="FILE.py", help="run this instead of AstroMAE")
    instead.add_argument(
        "--payload", type=Path, metavar="FILE.json", help="execution input instead of the sample"
    )
    made.add_argument("--output", type=Path, metavar="DIR", help="default: results/<date>-<time>")
    made.add_argument(
        "--containers",
        action="store_true",
        help="with --target local: run the container images in Docker instead of processes (docs/images.md)",
    )
    made.add_argument("--resume", action="store_true", help="skip what succeeded in --output already")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run with these arguments; returns the exit status."""
    made = parser()
    arguments = made.parse_args(argv)
    if arguments.resume and arguments.output is None:
        made.error("--resume needs the --output that it is to continue")
    if arguments.containers and arguments.target != "local":
        made.error("--containers is for --target local: on AWS functions are containers anyway")
    for name in ("payload", "script"):
        path = getattr(arguments, name)
        if path is not None and not path.is_file():
            made.error(f"--{name} {path}: there is no such file")
    sizes = (arguments.world_size, arguments.batch_size, arguments.memory)
    options = Options(
        specs=plan(*sizes, arguments.runs, payload=arguments.payload, script=arguments.script),
        output=arguments.output or Path("results") / f"{datetime.now():%Y%m%d-%H%M%S}",
        resume=arguments.resume,
        payload=arguments.payload,
        script=arguments.script,
    )
    target: Target = (
        LocalTarget(containers=arguments.containers) if arguments.target == "local" else AwsTarget()
    )
    reporter = Reporter()

    def work() -> int:
        succeeded = run(target, options, reporter)
        reporter.say(f"Tear down: make destroy{'' if arguments.target == 'local' else ' TARGET=aws'}")
        return 0 if succeeded else 1

    return guarded(work, reporter)


if __name__ == "__main__":
    sys.exit(main())
