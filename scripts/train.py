"""Train the small AstroMAE network that the repository ships: `python scripts/train.py --help`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from inference.train import main

if __name__ == "__main__":
    sys.exit(main())
