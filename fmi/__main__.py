"""`python -m fmi`: see `fmi.cli.main`."""

import sys

from fmi.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
