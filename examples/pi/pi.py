"""Pi from random points: each rank throws its share of darts, and one Allreduce adds up the hits.

.venv/bin/cosmic-fmi run examples/pi/pi.py -n 4 -- --samples 2000000
"""

from __future__ import annotations

import argparse
import json
import math
import os
from pathlib import Path

import numpy as np

import fmi


def hits(samples: int, seed: int) -> int:
    """How many of so many points in the unit square lie in the quarter of the circle."""
    points = np.random.default_rng(seed).random((2, samples))
    return int(((points**2).sum(axis=0) < 1).sum())


def main() -> None:
    """Run one rank."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=1_000_000, help="of all ranks together")
    arguments = parser.parse_args()
    with fmi.from_env() as comm:
        share = arguments.samples // comm.size
        mine = np.array([hits(share, int(os.environ.get("SEED", "1")) + comm.rank), share])
        total = np.zeros_like(mine)
        comm.Allreduce(mine, total)
        print(f"{mine[0]:,} of {mine[1]:,} points are inside")
        if comm.rank == 0:
            pi = 4 * total[0] / total[1]
            print(f"pi is about {pi:.6f}, off by {abs(pi - math.pi):.6f}")
            result = {"pi": pi, "world_metrics": {"error": abs(pi - math.pi)}}
            Path(os.environ["OUTPUT_PATH"], "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
