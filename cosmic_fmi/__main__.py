"""`python -m cosmic_fmi` is `cosmic-fmi`, where that is not on the PATH."""

import sys

from cosmic_fmi.cli import main

if __name__ == "__main__":
    sys.exit(main())
