"""Measure inference beside the course's way, and write docs/benchmarks/inference.md with its picture.

python -m benchmarks.inference            the whole run, about five minutes on two cores
python -m benchmarks.inference --quick    one minute; prints, and writes only where --output says
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.inference import cold, machine, material, plot, report, throughput

PAGES = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"


class Plan(NamedTuple):
    """Rounds in a warm process and of cold starts."""

    warm: int
    cold: int


FULL, QUICK = Plan(warm=9, cold=5), Plan(warm=2, cold=1)


def main() -> int:
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.inference",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="few rounds, to see whether something got slower"
    )
    parser.add_argument("--output", type=Path, help="folder for inference.md and inference.png")
    given = parser.parse_args()
    plan = QUICK if given.quick else FULL

    def progress(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        progress("making the network and the galaxies")
        made = material.make(Path(folder))
        starts = cold.measure(made, plan.cold, progress)
        warm = throughput.measure(made, plan.warm, progress)
        progress("the checkpoint that ships")
        shipped = throughput.measure(material.shipped(Path(folder)), plan.warm, progress)
    arguments = " ".join(sys.argv[1:])
    command = f'make bench-inference ARGS="{arguments}"' if arguments else "make bench-inference"
    text = report.document(
        warm, shipped, starts, command=command, rounds=plan.warm, machine=machine.describe()
    )
    print(text)
    target = given.output or (None if given.quick else PAGES)
    if target:
        target.mkdir(parents=True, exist_ok=True)
        (target / "inference.md").write_text(text)
        plot.draw(warm, starts, target / "inference.png")
        progress(f"Wrote {target / 'inference.md'}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
