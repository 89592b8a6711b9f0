"""Redshifts of the galaxies in a file, on this machine; `python -m inference.predict` is the same."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from cosmic_fmi.cli.loading import loading
from inference import predict

COMMAND = "cosmic-fmi predict"


def parser() -> argparse.ArgumentParser:
    """The arguments of `cosmic-fmi predict`."""
    return predict.parser(COMMAND)


def main(argv: Sequence[str] | None = None) -> int:
    """Predict with these arguments; returns the exit status."""
    given = predict.parse(argv, COMMAND)
    with loading():
        from inference.predict_files import run

    return run(given)
