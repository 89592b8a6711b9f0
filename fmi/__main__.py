"""`python -m fmi`: see `fmi.cli`."""

import sys

from fmi.cli import main

if __name__ == "__main__":
    sys.exit(main())
