"""`cosmic-fmi data prepare`: from raw galaxies to partitions in a folder or in S3."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cosmic_fmi.cli.arguments import new_parser
from cosmic_fmi.cli.loading import loading
from inference.preparation.cut import LARGEST, parse_size

if TYPE_CHECKING:
    from cosmic_fmi.experiment.ui.console import Reporter
    from inference.preparation.prepare import Options

SUMMARY = (
    "Check and clean galaxies, split them, cut them into partitions, and bring those to a folder or to S3."
)
EXAMPLES = """\
examples:
  cosmic-fmi data prepare --data sample.pt --output prepared --size 25MB
  cosmic-fmi data prepare --data survey.h5 --output prepared --size 25MB 100MB --split 80 10 10 --seed 7
  cosmic-fmi data prepare --data cutouts/ --table catalogue.csv --output prepared --size 10MB
  cosmic-fmi data prepare --data sample.pt --split none --upload Data --size 25MB      the deployment's bucket
  cosmic-fmi data prepare --data sample.pt --upload s3://mine/scaling --target aws --size 25MB --repeat-to 1TB

formats: .pt (course), .safetensors, .npz, .h5, or a folder of them; a folder of FITS cutouts with --table.
docs/data.md has the formats, the rules by which galaxies are dropped, and what is written.
exit status: 0 done, 1 the data or the place cannot be used, 2 bad arguments, 130 interrupted; run it again
after an interruption, and what is there already is skipped.
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi data`: those of `prepare`, and that word before them."""
    example = "example: cosmic-fmi data prepare --data sample.pt --output prepared --size 25MB"
    made = new_parser("data", "Galaxies for experiments and training.", example)
    commands = made.add_subparsers(metavar="prepare", required=True)
    _add_arguments(
        commands.add_parser(
            "prepare",
            help="check, clean, split and cut galaxies",
            description=SUMMARY,
            epilog=EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    return made


def _add_arguments(made: argparse.ArgumentParser) -> None:
    made.set_defaults(parser=made)
    made.add_argument("--data", type=Path, nargs="+", required=True, metavar="PATH", help="files or folders")
    made.add_argument(
        "--table", type=Path, metavar="FILE", help="FITS or CSV table of the FITS cutouts in --data"
    )
    made.add_argument("--output", type=Path, metavar="DIR", help="folder to write to")
    made.add_argument(
        "--upload", metavar="PREFIX", help="prefix in the deployment's bucket, or s3://bucket/prefix"
    )
    made.add_argument(
        "--target", choices=("local", "aws"), default="local", help="where that is (default: local)"
    )
    made.add_argument(
        "--size", nargs="+", type=size, default=[size("25MB")], metavar="SIZE", help="default: 25MB"
    )
    made.add_argument("--format", choices=("pt", "safetensors"), default="pt", help="default: pt")
    made.add_argument(
        "--split",
        nargs="+",
        default=["70", "15", "15"],
        metavar="SHARE",
        help="shares of train, validation and test, or none (default: 70 15 15; none with --repeat-to)",
    )
    made.add_argument("--seed", type=seed, default=0, help="of the split (default: 0)")
    made.add_argument(
        "--normalise",
        nargs="?",
        const="train",
        metavar="FILE",
        help="normalise magnitudes by the training part, or by the normalisation.json of an earlier run; not "
        "for the checkpoint of this repository, which takes magnitudes as they are",
    )
    made.add_argument("--repeat-to", type=size, metavar="SIZE", help="repeat the galaxies up to this size")
    made.add_argument("--keep-outliers", action="store_true", help="do not drop outliers")


def size(text: str) -> tuple[str, int]:
    """A size such as 25MB: its name, which is its folder's, and its bytes."""
    try:
        return "".join(text.upper().split()), parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def seed(text: str) -> int:
    """A seed, from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def shares(made: argparse.ArgumentParser, given: Sequence[str]) -> tuple[float, ...] | None:
    """The shares of the split, None for none."""
    if list(given) == ["none"]:
        return None
    try:
        found = tuple(float(text) for text in given)
    except ValueError:
        found = ()
    if len(found) != 3 or not all(0 <= share < float("inf") for share in found) or not found[0]:
        made.error(f"--split {' '.join(given)}: give three shares, the first above 0, or none")
    return found


def _check(made: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """Mistakes that the parser cannot see end with exit status 2."""
    if given.output is None and given.upload is None:
        made.error("give --output, --upload or both: otherwise the result goes nowhere")
    too_large = next((text for text, bytes_ in given.size if bytes_ > LARGEST), None)
    if too_large:
        made.error(f"--size {too_large}: a partition is at most 4GB")
    given.shares = None if given.repeat_to else shares(made, given.split)
    if given.normalise == "train" and given.shares is None:
        made.error(
            "--normalise without a split needs the normalisation.json of the training data: give its path"
        )


def options(given: argparse.Namespace) -> Options:
    """What to make. Raises DataError where the file of --normalise cannot be used."""
    from inference.preparation.prepare import Options
    from inference.preparation.scale import MagnitudeScale

    return Options(
        sizes=list(dict.fromkeys(given.size)),
        suffix=f".{given.format}",
        shares=given.shares,
        seed=given.seed,
        normalise=given.normalise is not None,
        scale=None if given.normalise in (None, "train") else MagnitudeScale.read(Path(given.normalise)),
        repeat_to=given.repeat_to[1] if given.repeat_to else None,
        drop_outliers=not given.keep_outliers,
    )


def deliver(given: argparse.Namespace, reporter: Reporter) -> None:
    """Prepare the data and bring it where it is to go."""
    with loading():
        from cosmic_fmi.experiment.data.delivery import Delivery
        from cosmic_fmi.experiment.data.prepare import Destination, prepare
        from inference.preparation.sources import open_sources

    wanted, source = options(given), open_sources(given.data, given.table)
    if given.upload is None:
        prepare(source, wanted, Delivery(given.output, None), reporter)
        return
    with Destination(given.target, given.upload).opened(reporter) as bucket:
        prepare(source, wanted, Delivery(given.output, bucket), reporter)


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare with these arguments; returns the exit status."""
    given = parser().parse_args(argv)
    _check(given.parser, given)
    with loading():
        from cosmic_fmi.experiment.errors import DeliveryError
        from cosmic_fmi.experiment.ui.command import guarded
        from cosmic_fmi.experiment.ui.console import Reporter
        from inference.core.errors import DataError

    reporter = Reporter()

    def work() -> int:
        try:
            deliver(given, reporter)
        except DataError as error:
            raise DeliveryError(str(error)) from error
        return 0

    return guarded(work, reporter)
