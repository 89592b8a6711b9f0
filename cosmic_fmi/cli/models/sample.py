"""Write seeded synthetic galaxies as a .pt file or as a folder of partitions 1.pt, 2.pt"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cosmic_fmi.cli.arguments import new_parser
from cosmic_fmi.cli.loading import loading
from inference.data.partitions import SUFFIXES
from inference.survey.synthetic import SAMPLE_SEED, SAMPLE_SIZE

EXAMPLES = """\
examples:
  cosmic-fmi sample --output sample.pt --count 1253
  cosmic-fmi sample --output partitions --count 10000 --partitions 16
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi sample`."""
    made = new_parser("sample", __doc__, EXAMPLES)
    made.add_argument("--output", type=Path, required=True, help="file to write (a folder with --partitions)")
    made.add_argument("--count", type=int, default=SAMPLE_SIZE, help="galaxies (%(default)s)")
    made.add_argument("--partitions", type=int, help="cut them into this many files")
    made.add_argument("--seed", type=int, default=SAMPLE_SEED, help="(%(default)s)")
    return made


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    made = parser()
    given = made.parse_args(argv)
    partitions = 1 if given.partitions is None else given.partitions
    if not 1 <= partitions <= given.count:
        made.error("--count must be at least 1 and --partitions between 1 and --count")
    if given.seed < 0:
        made.error(f"--seed must not be negative, as {given.seed} is")
    if not given.partitions and given.output.suffix not in SUFFIXES:
        made.error(f"--output must end in {' or '.join(SUFFIXES)}; a folder is for --partitions")
    return given


def main(argv: Sequence[str] | None = None) -> int:
    """Write one file, or a folder of partitions; returns 1 after one sentence where that is not possible."""
    given = _parse(argv)
    with loading():
        from inference.core.errors import DataError
        from inference.data.partitions import write, write_partitions
        from inference.survey.synthetic import sample_set

    galaxies = sample_set(given.count, given.seed)
    try:
        if given.partitions:
            write_partitions(given.output, galaxies, count=given.partitions)
        else:
            write(given.output, galaxies)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: cannot write {given.output}: {error.strerror or error}", file=sys.stderr)
        return 1
    print(f"{given.count} galaxies in {given.output}")
    return 0
