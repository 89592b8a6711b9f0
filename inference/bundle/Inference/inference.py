"""The script that a world of Lambda functions runs: AstroMAE on this rank's share of the galaxies.

The executor copies this folder and the model's below /tmp and sets the environment (see
inference/rank/environment.py).
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Python looks in the script's own folder first, and would find this file in place of that package.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != HERE]

from inference.rank import main  # noqa: E402 - only now is it the package

main(HERE.parent / "Fine_Tune_Model" / "astromae-small.safetensors")
