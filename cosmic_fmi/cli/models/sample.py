"""Write synthetic galaxies as the course's data files: `python scripts/make_sample.py --help`."""

import argparse
import sys
from pathlib import Path

from inference.data_error import DataError
from inference.partitions import SUFFIXES, write, write_partitions
from inference.synthetic import SAMPLE_SEED, SAMPLE_SIZE, sample_set


def main(arguments: list[str] | None = None) -> int:
    """Command line: one .pt file, or a folder of partitions."""
    parser = argparse.ArgumentParser(
        description="Write seeded synthetic galaxies as a .pt file or as a folder of partitions 1.pt, 2.pt",
        epilog="example: python scripts/make_sample.py --output sample.pt --count 1253",
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="file to write (a folder with --partitions)"
    )
    parser.add_argument("--count", type=int, default=SAMPLE_SIZE, help="galaxies (%(default)s)")
    parser.add_argument("--partitions", type=int, help="cut them into this many files")
    parser.add_argument("--seed", type=int, default=SAMPLE_SEED, help="(%(default)s)")
    given = parser.parse_args(arguments)
    partitions = 1 if given.partitions is None else given.partitions
    if not 1 <= partitions <= given.count:
        parser.error("--count must be at least 1 and --partitions between 1 and --count")
    if given.seed < 0:
        parser.error(f"--seed must not be negative, as {given.seed} is")
    if not given.partitions and given.output.suffix not in SUFFIXES:
        parser.error(f"--output must end in {' or '.join(SUFFIXES)}; a folder is for --partitions")
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
