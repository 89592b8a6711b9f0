#!/usr/bin/env python3
"""The same as `cosmic-fmi data prepare`."""

import sys

try:
    from cosmic_fmi.cli import main
except ModuleNotFoundError:
    sys.exit("cosmic-fmi is not installed here: run `make setup`, then use .venv/bin/python")

if __name__ == "__main__":
    sys.exit(main(["data", "prepare", *sys.argv[1:]]))
