"""Measure FMI beside gloo, MPI and a bare socket, and write docs/benchmarks/fmi.md with its picture.

python -m benchmarks.fmi            the whole run, about a quarter of an hour on two cores
python -m benchmarks.fmi --quick    two minutes; prints, and writes only where --output says
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks.fmi import machine, plot, report
from benchmarks.fmi.cases import CASES
from benchmarks.fmi.results import Results
from benchmarks.fmi.runner import FULL, QUICK, columns, measure
from benchmarks.fmi.worlds import MCA, ROOT


def main() -> int:
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fmi",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="few rounds, to see whether something got slower"
    )
    parser.add_argument("--rounds", type=int, help="rounds instead of the usual number")
    parser.add_argument("--ranks", type=int, nargs="+", help="only these numbers of ranks, such as 2 4")
    parser.add_argument("--only", nargs="+", default=[""], help="only cases with one of these in their name")
    parser.add_argument("--output", type=Path, help="folder for fmi.md, fmi.png and fmi.svg")
    given = parser.parse_args()
    plan = QUICK if given.quick else FULL
    if given.rounds:
        plan = plan._replace(rounds=given.rounds)
    if given.ranks:
        plan = plan._replace(
            sizes=[n for n in plan.sizes if n in given.ranks],
            setups=[n for n in plan.setups if n in given.ranks],
        )
    plan = plan._replace(cases=[case for case in CASES if any(word in case.label for word in given.only)])
    peers = machine.peers_are_here()
    if not peers:
        print(
            "mpi4py or Open MPI is missing: only FMI and sockets are measured; make bench-fmi installs both"
        )
    compared = columns(peers, machine.default_congestion())
    load = os.getloadavg()[0]
    samples, mpi = measure(plan, compared, lambda text: print(text, file=sys.stderr, flush=True))
    results = Results(samples, [column.title for column in compared], os.cpu_count() or 1)
    arguments = " ".join(["--quick"] * given.quick + [f"--rounds {given.rounds}"] * bool(given.rounds))
    command = f'make bench-fmi ARGS="{arguments}"' if arguments else "make bench-fmi"
    text = report.document(
        results,
        command=command,
        rounds=plan.rounds,
        machine=[*machine.describe(), f"load average before the run {load:.1f}"],
        mca=" ".join(MCA),
        mpi=mpi,
    )
    print(text)
    is_part = given.quick or given.ranks or given.only != [""]
    folder = given.output or (None if is_part else ROOT / "docs" / "benchmarks")
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "fmi.md").write_text(text)
        plot.draw(results, folder)
        print(f"Wrote {folder / 'fmi.md'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
