"""Map and reduce over CSV files: the mean, lowest and highest temperature of every weather station.

.venv/bin/cosmic-fmi run examples/stations/means.py -n 3 --data examples/stations/data

Each rank finds its share of the files in the folder DATA_PATH.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import fmi

Sums = dict[str, list[float]]
"""Of each station: how many values, their sum, the lowest and the highest."""


def read(path: Path, sums: Sums) -> int:
    """Add a file's rows; returns how many there are."""
    with path.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    for row in rows:
        value = float(row["celsius"])
        add(sums, row["station"], [1, value, value, value])
    return len(rows)


def add(sums: Sums, station: str, more: list[float]) -> None:
    """Reduce two of a station's sums to one."""
    count, total, low, high = sums.get(station, [0, 0.0, more[2], more[3]])
    sums[station] = [count + more[0], total + more[1], min(low, more[2]), max(high, more[3])]


def main() -> None:
    """Run one rank."""
    with fmi.from_env() as comm:
        mine: Sums = {}
        files = sorted(path for path in Path(os.environ["DATA_PATH"]).rglob("*.csv"))
        for path in files:
            print(f"{path.name}: {read(path, mine)} rows")
        everybody = comm.gather(mine, root=0)
        if everybody is None:
            return
        sums: Sums = {}
        for part in everybody:
            for station, more in part.items():
                add(sums, station, more)
        with Path(os.environ["OUTPUT_PATH"], "means.csv").open("w", newline="", encoding="utf-8") as opened:
            table = csv.writer(opened)
            table.writerow(["station", "values", "mean", "lowest", "highest"])
            for station, (count, total, low, high) in sorted(sums.items()):
                table.writerow([station, int(count), f"{total / count:.2f}", low, high])
                print(f"{station:10} {total / count:6.2f} °C, from {low} to {high}")


if __name__ == "__main__":
    main()
