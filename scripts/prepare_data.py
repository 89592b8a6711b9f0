#!/usr/bin/env python3
"""See cosmic_fmi.cli.models.data."""

import sys

from cosmic_fmi.cli.models.data import main

if __name__ == "__main__":
    sys.exit(main())
