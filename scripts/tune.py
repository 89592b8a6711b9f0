#!/usr/bin/env python3
"""See cosmic_fmi.cli.experiments.tune."""

import sys

from cosmic_fmi.cli.experiments.tune import main

if __name__ == "__main__":
    sys.exit(main())
