#!/usr/bin/env python3
"""See cosmic_fmi.cli.experiments.destroy."""

import sys

from cosmic_fmi.cli.experiments.destroy import main

if __name__ == "__main__":
    sys.exit(main())
