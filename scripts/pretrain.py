"""Pretrain AstroMAE's encoder: `python scripts/pretrain.py --help`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from inference.training.commands import pretrain

if __name__ == "__main__":
    sys.exit(pretrain())
