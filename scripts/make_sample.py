#!/usr/bin/env python3
"""See cosmic_fmi.cli.models.sample."""

from cosmic_fmi.cli.models.sample import main
from inference.interrupted import run_command

if __name__ == "__main__":
    run_command(main)
