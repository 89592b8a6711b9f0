"""Train AstroMAE with a pretrained, frozen encoder: `python scripts/train.py --help`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from inference.training.commands import train

if __name__ == "__main__":
    sys.exit(train())
