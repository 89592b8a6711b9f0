"""Pictures and a network of one's own: each rank classifies its share, rank 0 counts.

.venv/bin/cosmic-fmi run examples/pictures/program --main classify.py -n 2 --data examples/pictures/images
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import torch
from network import KINDS, trained
from pictures import read

import fmi


def main() -> None:
    """Run one rank."""
    torch.set_num_threads(1)
    with fmi.from_env() as comm:
        files = sorted(Path(os.environ["DATA_PATH"]).glob("*.pgm"))
        found = classify(files)
        right = sum(path.name.startswith(kind) for path, kind in found.items())
        print(f"{len(files)} pictures, {right} as their names say")
        table = {path.name: kind for path, kind in found.items()}
        Path(os.environ["OUTPUT_PATH"], "kinds.json").write_text(json.dumps(table, indent=1))
        everybody = comm.gather([Counter(found.values())[kind] for kind in KINDS], root=0)
        if everybody is not None:
            totals = [sum(counts) for counts in zip(*everybody, strict=True)]
            print(", ".join(f"{total} {kind}s" for total, kind in zip(totals, KINDS, strict=True)))


def classify(files: list[Path]) -> dict[Path, str]:
    """The kind of each picture."""
    if not files:
        return {}
    with torch.inference_mode():
        best = trained()(torch.stack([read(path) for path in files])).argmax(dim=1)
    return {path: KINDS[int(index)] for path, index in zip(files, best, strict=True)}


if __name__ == "__main__":
    main()
